import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';
import type { Locale } from '../core/account.ts';
import type { Caller } from '../core/world.ts';

/** What a shared network's limits are multiplied by (rule 22). */
const SHARED_FACTOR = 20;
/** A longer user agent is cut: it is shown to people, and proves nothing. */
const LONGEST_USER_AGENT = 300;

/** Who sent a request; the address is the socket's, or what a trusted proxy says (R027). */
export function callerOf(
  request: FastifyRequest,
  of: { clientToken: string | undefined; locale: Locale; isShared: (address: string) => boolean },
): Caller {
  const { address, network } = placeOf(request.ip);
  const userAgent = request.headers['user-agent'];
  return {
    address,
    network: { key: network, factor: of.isShared(address) ? SHARED_FACTOR : 1 },
    userAgent: userAgent ? userAgent.slice(0, LONGEST_USER_AGENT) : null,
    clientToken: of.clientToken && /^[\w-]{43}$/.test(of.clientToken) ? of.clientToken : null,
    locale: of.locale,
  };
}

/** An address in one spelling, and the /24 or /64 it lies in; IPv4 mapped into IPv6 is IPv4 (R026). */
export function placeOf(text: string): { address: string; network: string } {
  if (!ipaddr.isValid(text)) return { address: 'unknown', network: 'unknown' };
  const address = ipaddr.process(text);
  const bytes = address.toByteArray();
  const network = address.kind() === 'ipv4' ? `${bytes.slice(0, 3).join('.')}.0/24` : `${hex(bytes.slice(0, 8))}/64`;
  return { address: address.toString(), network };
}

const hex = (bytes: number[]): string => Buffer.from(bytes).toString('hex');
