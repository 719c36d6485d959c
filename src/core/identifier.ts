import type { World } from './world.ts';

/** What an account is found by. */
export type IdentifierKind = 'email' | 'phone';

export interface Identifier {
  kind: IdentifierKind;
  /** In its one canonical form. */
  value: string;
}

/** RFC 5321 §4.5.3.1: 64 octets of local part, 254 of address. */
const LOCAL_BYTES = 64;
const ADDRESS_BYTES = 254;

// RFC 5322 §3.2.3 dot-atom, widened to letters, marks and digits of any script (RFC 6531 §3.3).
const LOCAL_PART = /^[\p{L}\p{M}\p{N}!#$%&'*+\-/=?^_`{|}~]+(\.[\p{L}\p{M}\p{N}!#$%&'*+\-/=?^_`{|}~]+)*$/u;
// Before IDNA: letters, marks, digits, hyphens, dots. Anything else could be read as a URL's syntax.
const DOMAIN = /^[\p{L}\p{M}\p{N}\-.]+$/u;
const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;

/**
 * The one form in which an e-mail address is compared, stored, shown and mailed (rule 6):
 * trimmed, NFC, ASCII letters of the local part in lower case, the domain by IDNA ToASCII.
 * Letters that only look alike stay different addresses.
 *
 * @returns `undefined` if it is not an address that mail could be sent to
 * @see RFC 5321 §4.5.3.1, UTS #46
 */
export function canonicalEmail(text: string): string | undefined {
  const trimmed = text.trim().normalize('NFC');
  const at = trimmed.indexOf('@');
  if (at < 1 || at !== trimmed.lastIndexOf('@') || trimmed.length > ADDRESS_BYTES) return undefined;
  // Again NFC: some letters compose with their mark in lower case alone.
  const local = trimmed
    .slice(0, at)
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    .normalize('NFC');
  const domain = asciiDomain(trimmed.slice(at + 1));
  if (!domain || !LOCAL_PART.test(local) || Buffer.byteLength(local) > LOCAL_BYTES) return undefined;
  const address = `${local}@${domain}`;
  return Buffer.byteLength(address) <= ADDRESS_BYTES ? address : undefined;
}

function asciiDomain(text: string): string | undefined {
  if (!DOMAIN.test(text) || text.length > 253) return undefined;
  // The URL parser is the platform's ToASCII; it also turns "127.1" into an address, which the label check refuses.
  const host = URL.canParse(`http://${text}/`) ? new URL(`http://${text}/`).hostname : '';
  const labels = host.split('.');
  const last = labels.at(-1) ?? '';
  if (labels.length < 2 || !labels.every((label) => LABEL.test(label)) || /^\d+$/.test(last)) return undefined;
  return host;
}

/** What a typed text names, if it is an e-mail address or a phone number. */
export function readIdentifier(world: Pick<World, 'phones'>, text: string): Identifier | undefined {
  const kind = text.includes('@') ? 'email' : 'phone';
  const value = kind === 'email' ? canonicalEmail(text) : world.phones.canonical(text);
  return value === undefined ? undefined : { kind, value };
}

/**
 * What failures are counted under (rule 20): the canonical address or number, or for a text that is neither
 * a bounded, folded form of it, so that every spelling meets the same counter.
 */
export function countedIdentifier(world: Pick<World, 'phones'>, text: string): string {
  return readIdentifier(world, text)?.value ?? text.trim().normalize('NFC').toLowerCase().slice(0, ADDRESS_BYTES);
}
