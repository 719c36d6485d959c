import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { isLoopback } from '../config/mode.ts';

/** Where a service may have this server, and browsers, go. */
export interface Reach {
  allows(url: URL): boolean;
  /** How the host of an allowed URL is looked up; `undefined` is the system's way. */
  lookupFor(url: URL): LookupFunction | undefined;
}

/**
 * The reach of a service that the settings place at some URLs. Those may be anywhere, also in a private network: the
 * operator said so. What the service itself names beside them is somebody else's word, and must be https at a public
 * address, also when the name is looked up to connect; only a service that is plain http on this machine may name
 * others of its kind.
 *
 * @see R146; ASVS 5.0: 13.2.4, 15.3.2
 */
export function reachOf(...configured: string[]): Reach {
  const origins = new Set(configured.map((url) => new URL(url).origin));
  const isLocal = configured.every((url) => isLocalHttp(new URL(url)));
  const isOwn = (url: URL) => origins.has(url.origin) || (isLocal && isLocalHttp(url));
  return {
    allows(url) {
      if (url.username !== '' || url.password !== '') return false;
      return isOwn(url) || (url.protocol === 'https:' && isPublicHost(url.hostname));
    },
    lookupFor: (url) => (isOwn(url) ? undefined : publicLookup),
  };
}

function isLocalHttp(url: URL): boolean {
  return url.protocol === 'http:' && isLoopback(url);
}

/** Whether a URL's host may be public: names are judged again by what they are looked up to. */
function isPublicHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(host) ? isPublicAddress(host) : !/(^|\.)localhost\.?$/.test(host);
}

/** Whether an address is anybody's to reach: not of this machine, of a private network, or kept for something else. */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (address.range() === 'rfc6052') return isPublicAddress(address.toByteArray().slice(-4).join('.'));
  // ::/96 once held IPv4 addresses, those of this machine among them.
  if (
    address.kind() === 'ipv6' &&
    address
      .toByteArray()
      .slice(0, 12)
      .every((byte) => byte === 0)
  )
    return false;
  return address.range() === 'unicast';
}

/** Looks a name up as the system does, and fails when any of its addresses is not public. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error || !first) return callback(error ?? notPublic(), '');
    if (!addresses.every(({ address }) => isPublicAddress(address))) return callback(notPublic(), '');
    if (options.all) return callback(null, addresses);
    callback(null, first.address, first.family);
  });
};

function notPublic(): NodeJS.ErrnoException {
  return Object.assign(new Error('the host has no public address'), { code: 'NOT_PUBLIC' });
}
