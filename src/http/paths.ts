import { parseCookie } from 'cookie';
import type { FastifyRequest } from 'fastify';
import type { AnyContract, Route } from './contract.ts';

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

/** Where a route answers. */
export const urlOf = (
  { prefix }: Pick<AnyContract, 'prefix'>,
  { atRoot, path }: Pick<Route<unknown>, 'atRoot' | 'path'>,
) => (atRoot ? path : `${prefix}${path}`);

/** The prefixes that a contract's paths lie below: its own, and folders of the root that it has routes in. */
function foldersOf({ prefix, routes }: AnyContract): string[] {
  const folders = routes.filter(({ atRoot }) => atRoot).map(({ path }) => path.split('/'));
  return [prefix, ...folders.filter(({ length }) => length > 2).map(([, folder]) => `/${folder}`)];
}

/** The longest of a contract's prefixes that a path lies below, if any. */
const folderAt = (contract: AnyContract, path: string): string | undefined =>
  foldersOf(contract)
    .filter((folder) => path === folder || path.startsWith(`${folder}/`))
    .sort((one, other) => other.length - one.length)[0];

/**
 * Who speaks for a path: the contracts that answer it under some method, or, where none does, the one it lies below;
 * the longest prefix first.
 */
export function contractsAt(contracts: readonly AnyContract[], path: string): AnyContract[] {
  const depthOf = (contract: AnyContract): number => folderAt(contract, path)?.length ?? 0;
  const byDepth = [...contracts].sort((one, other) => depthOf(other) - depthOf(one));
  const knowing = byDepth.filter((contract) => methodsAt([contract], path).length > 0);
  return knowing.length > 0 ? knowing : byDepth.filter((contract) => depthOf(contract) > 0);
}

/** The same for a request: of several the one whose marks it bears comes first; where none knows the path, one is left. */
export function contractsFor(contracts: readonly AnyContract[], request: FastifyRequest): AnyContract[] {
  const found = contractsAt(contracts, pathOf(request));
  if (found.length < 2) return found;
  const asked = { headers: request.headers, cookies: new Set(Object.keys(parseCookie(request.headers.cookie ?? ''))) };
  const marked = found.filter((contract) => contract.bearsMarks?.(asked));
  const ordered = [...marked, ...found.filter((contract) => !marked.includes(contract))];
  return methodsAt(ordered, pathOf(request)).length > 0 ? ordered : ordered.slice(0, 1);
}

/** The methods that a path is answered under, whoever answers, for `Allow` (RFC 9110 §15.5.6). */
export function methodsAt(contracts: readonly AnyContract[], path: string): string[] {
  const parts = path.split('/');
  const methods = new Set<string>();
  for (const contract of contracts) {
    for (const route of contract.routes) {
      const { keepsState, method } = route;
      const own = urlOf(contract, route).split('/');
      if (own.length === parts.length && own.every((part, index) => part.startsWith(':') || part === parts[index])) {
        methods.add(method);
        if (method === 'GET' && !keepsState) methods.add('HEAD');
      }
    }
  }
  return [...methods];
}
