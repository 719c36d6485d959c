import type { FastifyRequest } from 'fastify';
import type { AnyContract } from './contract.ts';

/** The path of a request's target in one spelling; as it came, where it is no percent-encoding. */
export function pathOf({ url }: Pick<FastifyRequest, 'url'>): string {
  const [target = ''] = url.split('?');
  const path = target.replace(/^https?:\/\/[^/]*/i, '');
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/**
 * Who speaks for a path: the contracts that answer it under some method, or, where none does, the one it lies below;
 * the longest prefix first.
 */
export function contractsAt(contracts: readonly AnyContract[], path: string): AnyContract[] {
  const nearest = contracts
    .filter(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`))
    .sort((one, other) => other.prefix.length - one.prefix.length);
  const knowing = nearest.filter((contract) => methodsAt([contract], path).length > 0);
  return knowing.length > 0 ? knowing : nearest.slice(0, 1);
}

/** The methods that a path is answered under, whoever answers, for `Allow` (RFC 9110 §15.5.6). */
export function methodsAt(contracts: readonly AnyContract[], path: string): string[] {
  const parts = path.split('/');
  const methods = new Set<string>();
  for (const { prefix, routes } of contracts) {
    for (const { keepsState, method, path: below } of routes) {
      const own = `${prefix}${below}`.split('/');
      if (own.length === parts.length && own.every((part, index) => part.startsWith(':') || part === parts[index])) {
        methods.add(method);
        if (method === 'GET' && !keepsState) methods.add('HEAD');
      }
    }
  }
  return [...methods];
}
