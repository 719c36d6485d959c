import ipaddr from 'ipaddr.js';
import { isTokenContract } from '../core/access-token.ts';
import type { ContractName } from '../core/world.ts';
import type { ProviderConfiguration } from '../providers/configuration.ts';
import { type Mode, modeOf } from './mode.ts';
import { allowedOrigins } from './origins.ts';
import { providersFrom } from './providers.ts';
import type { Settings } from './settings.ts';

/** What follows from the settings, worked out once. */
export interface Derived {
  mode: Mode;
  /** Scheme, host and port, without a final slash. */
  publicOrigin: string;
  publicUrl: URL;
  /** Whether cookies are `Secure` and may bear `__Host-` (rule 20). */
  secure: boolean;
  /** The origins that are listed by name, the public URL's own first. */
  allowedOrigins: readonly string[];
  /** Whether browsers may call from an origin; it takes the exact form that browsers send, and nothing like it (rule 31). */
  isAllowedOrigin(origin: string): boolean;
  /** Whether a page of an origin may use passkeys: the allowed origins, and those that are listed for that alone. */
  isPasskeyOrigin(origin: string): boolean;
  /** Addresses and networks whose `X-Forwarded-*` headers are believed. */
  trustedProxies: readonly string[];
  /** Whether many people share an address (rule 22). */
  isSharedNetwork(address: string): boolean;
  /** Whether messages go to the development mailbox rather than out (rule 1). */
  developmentMailbox: boolean;
  /** Contracts that answer and whose access tokens are signed with keys of their own, which are published. */
  signingContracts: readonly ContractName[];
  /** Whether an SMS can be sent at all, or kept in the development mailbox; without, no answer may offer one. */
  smsAvailable: boolean;
  /** Services that people may sign in with. */
  providers: readonly ProviderConfiguration[];
}

export function derive(settings: Settings): Derived {
  const mode = modeOf(settings);
  const publicUrl = new URL(settings.GUICHET_PUBLIC_URL);
  const { has: isAllowedOrigin, listed } = allowedOrigins(settings);
  const developmentMailbox = mode === 'development' && !settings.GUICHET_MAIL_URL;

  return {
    mode,
    publicOrigin: publicUrl.origin,
    publicUrl,
    secure: publicUrl.protocol === 'https:',
    allowedOrigins: listed,
    isAllowedOrigin,
    isPasskeyOrigin: (origin) => isAllowedOrigin(origin) || settings.GUICHET_PASSKEY_ORIGINS.includes(origin),
    trustedProxies: (settings.GUICHET_TRUST_PROXY ?? []).filter((item) => item !== 'none'),
    isSharedNetwork: networkTest(settings.GUICHET_SHARED_NETWORKS),
    developmentMailbox,
    signingContracts: settings.GUICHET_CONTRACTS.filter(
      (name) => isTokenContract(name) && (name !== 'device' || settings.GUICHET_JWT_ALG === 'ES256'),
    ),
    smsAvailable: settings.GUICHET_SMS_URL !== undefined || developmentMailbox,
    providers: providersFrom(settings),
  };
}

/** A test whether an address lies in one of the networks; IPv4 addresses mapped into IPv6 count as IPv4. */
function networkTest(networks: readonly string[]): (address: string) => boolean {
  const ranges = networks.map((network): [ipaddr.IPv4 | ipaddr.IPv6, number] => {
    if (network.includes('/')) return ipaddr.parseCIDR(network);
    const address = ipaddr.parse(network);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  });
  return (text) => {
    if (!ipaddr.isValid(text)) return false;
    const address = ipaddr.process(text);
    return ranges.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits));
  };
}
