import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Credential } from '../../src/core/passkey.ts';
import { passkeyCeremonies } from '../../src/crypto/passkey-ceremonies.ts';
import {
  type AssertionParts,
  type Make,
  type RegistrationParts,
  SoftwareAuthenticator,
} from '../support/software-authenticator.ts';

export const ORIGIN = 'https://auth.example.org';
export const OTHER_ORIGIN = 'https://app.example.org';
export const ceremonies = passkeyCeremonies({
  relyingPartyId: 'example.org',
  relyingPartyName: 'Guichet',
  isAllowedOrigin: (origin) => origin === ORIGIN || origin === OTHER_ORIGIN,
});

const user = () => ({
  handle: randomBytes(64).toString('base64url'),
  name: 'ada@example.org',
  displayName: 'Ada',
});
/** What a caller gets: options as JSON carries them. */
const overTheWire = <T>(value: T): T => JSON.parse(JSON.stringify(value));

export async function creation(of: { exclude?: Credential[] } = {}) {
  const challenge = randomBytes(56);
  const asked = user();
  const options = await ceremonies.registrationOptions({ challenge, user: asked, exclude: of.exclude ?? [] });
  return { challenge, user: asked, options: overTheWire(options) };
}

export async function request(of: { allow?: Credential[]; userVerification?: 'required' | 'preferred' } = {}) {
  const challenge = randomBytes(56);
  const { allow = [], userVerification = 'required' } = of;
  const options = await ceremonies.assertionOptions({ challenge, allow, userVerification });
  return { challenge, options: overTheWire(options) };
}

export type TamperRegistration = (parts: RegistrationParts) => unknown;
export type TamperAssertion = (parts: AssertionParts) => unknown;

export async function registering(tamper?: TamperRegistration, make?: Make) {
  const { challenge, options } = await creation();
  const answer = new SoftwareAuthenticator(make).register(options, { origin: ORIGIN, tamper });
  return ceremonies.verifyRegistration(answer, challenge);
}

/** Somebody whose passkey is registered. */
export async function registered(make?: Make) {
  const authenticator = new SoftwareAuthenticator(make);
  const { challenge, options, user } = await creation();
  const answer = authenticator.register(options, { origin: ORIGIN });
  const credential = await ceremonies.verifyRegistration(answer, challenge);
  assert.ok(credential);
  return { authenticator, credential, user };
}

export async function asserting(
  { authenticator, credential }: { authenticator: SoftwareAuthenticator; credential: Credential },
  {
    tamper,
    userVerification = 'required',
  }: { tamper?: TamperAssertion | undefined; userVerification?: 'required' | 'preferred' } = {},
) {
  const { challenge, options } = await request({ allow: [credential] });
  const answer = authenticator.assert(options, { origin: ORIGIN, tamper });
  return ceremonies.verifyAssertion(answer, { challenge, credential, userVerification });
}

export const WRONG = { outcome: 'wrong' };

/** What is wrong in either ceremony, or rather in what the browser says of it. */
export const CLIENT_DATA: [string, Record<string, unknown>][] = [
  ['the other ceremony’s type', { type: 'webauthn.other' }],
  ['a type in other letters', { type: 'WEBAUTHN.GET' }],
  ['a list of types', { type: ['webauthn.create', 'webauthn.get'] }],
  ['no type', { type: undefined }],
  ['another challenge', { challenge: randomBytes(56).toString('base64url') }],
  ['an empty challenge', { challenge: '' }],
  ['no challenge', { challenge: undefined }],
  ['a challenge that is no text', { challenge: { length: 75 } }],
  ['an origin that is not listed', { origin: 'https://evil.example' }],
  ['a sub-domain that is not listed', { origin: 'https://evil.auth.example.org' }],
  ['the listed host on another port', { origin: `${ORIGIN}:8443` }],
  ['the listed host without TLS', { origin: 'http://auth.example.org' }],
  ['an origin with a slash behind it', { origin: `${ORIGIN}/` }],
  ['an origin in capitals', { origin: ORIGIN.toUpperCase() }],
  ['an opaque origin', { origin: 'null' }],
  ['no origin', { origin: undefined }],
  ['a list of origins', { origin: [ORIGIN] }],
  ['an app’s origin', { origin: 'android:apk-key-hash:pNiP5iKyQ8JwgGOaKA1zGPUPJIS-0H1xKCQcfIoGLck' }],
  ['a frame of another site', { crossOrigin: true }],
  ['a frame of another site that says which', { crossOrigin: true, topOrigin: OTHER_ORIGIN }],
  ['a top origin', { topOrigin: 'https://evil.example' }],
  ['a top origin that is its own', { topOrigin: ORIGIN }],
  ['a top origin that is null', { topOrigin: null }],
  ['a cross-origin word that is no boolean', { crossOrigin: 'false' }],
  ['a token binding that is none', { tokenBinding: 'present' }],
];

export const FLAGS: [string, Partial<RegistrationParts['flags']>][] = [
  ['R107: refuses somebody who is not present', { userPresent: false }],
  ['R107: refuses somebody who is present but not verified', { userVerified: false }],
  ['R107: refuses a passkey that is backed up but may not be', { backupEligible: false, backedUp: true }],
];
