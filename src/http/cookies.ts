import { parseCookie, stringifySetCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface CookieAttributes {
  path: string;
  /** Seconds. */
  maxAge: number;
  sameSite: 'strict' | 'lax';
  httpOnly: boolean;
  /** For a cookie that other hosts below a common parent may read; without, it is this host's alone. */
  domain?: string;
}

/** The cookies of one request and its answer. */
export interface Cookies {
  /** A value that the request carries once; a name that comes twice counts as absent (R069: cookie tossing). */
  get(name: string): string | undefined;
  /** Whether the request carries the name more than once. */
  comesTwice(name: string): boolean;
  set(name: string, value: string, attributes: CookieAttributes): void;
  /** Deletes it, with the attributes it was set with. */
  clear(name: string, attributes: CookieAttributes): void;
}

/** A name no contract fixes: it gets the prefix that ties a cookie to this host alone, wherever browsers allow it. */
export const hostCookie = (name: string, secure: boolean): string => (secure ? `__Host-${name}` : name);

export function cookiesOf(request: FastifyRequest, reply: FastifyReply, secure: boolean): Cookies {
  const header = request.headers.cookie;
  let parsed: ReturnType<typeof parseCookie> | undefined;
  const set: Cookies['set'] = (name, value, attributes) => {
    reply.header('Set-Cookie', stringifySetCookie({ name, value, ...attributes, secure }));
  };

  return {
    get(name) {
      if (!header) return undefined;
      parsed ??= parseCookie(header);
      const value = parsed[name];
      return value === undefined || value === '' || comesTwice(header, name) ? undefined : value;
    },
    comesTwice: (name) => header !== undefined && comesTwice(header, name),
    set,
    clear: (name, attributes) => set(name, '', { ...attributes, maxAge: 0 }),
  };
}

const touched = (name: string): never => {
  throw new Error(`a contract that uses no cookies cannot set ${name}`);
};

/** For a contract that uses none: whatever the request carries is not read, and to set one is a fault. */
export const noCookies: Cookies = {
  get: () => undefined,
  comesTwice: () => false,
  set: touched,
  clear: touched,
};

function comesTwice(header: string, name: string): boolean {
  // Most come once, and need no further look.
  if (header.indexOf(name) === header.lastIndexOf(name)) return false;
  // As the parser reads names, with what space there is around them.
  return header.split(';').filter((pair) => pair.split('=')[0]?.trim() === name).length > 1;
}
