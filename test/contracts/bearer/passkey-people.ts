import assert from 'node:assert/strict';
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server';
import {
  type AssertionParts,
  type Make,
  type RegistrationParts,
  SoftwareAuthenticator,
} from '../../support/software-authenticator.ts';
import {
  type Answer,
  type Asking,
  type Client,
  type OpenedClient,
  ORIGIN,
  PASSWORD,
  type PasskeyBody,
} from './client.ts';

/** Somebody who is signed in and has a passkey. */
export interface Holder {
  client: Client;
  email: string;
  account: Awaited<ReturnType<OpenedClient['signedIn']>>['account'];
  authenticator: SoftwareAuthenticator;
  passkey: PasskeyBody;
}

export async function holder(
  world: OpenedClient,
  { make, name, ...of }: { make?: Make; name?: string } & Parameters<OpenedClient['account']>[0] = {},
): Promise<Holder> {
  const authenticator = new SoftwareAuthenticator(make);
  const signedIn = await world.signedIn(of);
  return { ...signedIn, authenticator, passkey: await signedIn.client.addPasskey(authenticator, name) };
}

/** Where a ceremony's options and its answer go. */
type Path = '/passkey/register' | '/passkey/sign-in' | '/reauthenticate';

async function optionsFor(client: Client, path: Path, body?: object, of: Asking = {}): Promise<object> {
  const asked = await client.post(path, body, of);
  assert.equal(asked.status, 200, asked.text);
  assert.deepEqual(Object.keys(asked.body), ['options']);
  return asked.body.options ?? {};
}

export const creationOptions = (client: Client, body: object = { password: PASSWORD }) =>
  optionsFor(client, '/passkey/register', body) as Promise<PublicKeyCredentialCreationOptionsJSON>;
export const signInOptions = (client: Client, body?: object) =>
  optionsFor(client, '/passkey/sign-in', body, { token: null }) as Promise<PublicKeyCredentialRequestOptionsJSON>;
export const reauthenticationOptions = (client: Client) =>
  optionsFor(client, '/reauthenticate') as Promise<PublicKeyCredentialRequestOptionsJSON>;

type Tamper<Parts> = { tamper?: (parts: Parts) => unknown; origin?: string };

/** The page's part of a ceremony: what the authenticator answers to options. */
export const registrationOf = (
  authenticator: SoftwareAuthenticator,
  options: object,
  { tamper, origin = ORIGIN }: Tamper<RegistrationParts> = {},
) => authenticator.register(options, { origin, tamper });
export const assertionOf = (
  authenticator: SoftwareAuthenticator,
  options: object,
  { tamper, origin = ORIGIN }: Tamper<AssertionParts> = {},
) => authenticator.assert(options, { origin, tamper });

/** Signs in alone, or for a login that waits, from options on. */
export async function signInWith(
  client: Client,
  authenticator: SoftwareAuthenticator,
  { challenge, ...tampered }: { challenge?: string } & Tamper<AssertionParts> = {},
): Promise<Answer> {
  const of = challenge === undefined ? {} : { challenge };
  const response = assertionOf(authenticator, await signInOptions(client, of), tampered);
  return client.post('/passkey/sign-in', { ...of, response }, { token: null });
}

export async function reauthenticateWith(
  client: Client,
  authenticator: SoftwareAuthenticator,
  tampered: Tamper<AssertionParts> = {},
): Promise<Answer> {
  const response = assertionOf(authenticator, await reauthenticationOptions(client), tampered);
  return client.post('/reauthenticate', { response });
}

const bodyOf = ({ body, status }: Answer): unknown[] => [status, body];

/** One answer for all that may be wrong with a passkey. */
export const assertRefused = (answer: Answer, why?: string): void =>
  assert.deepEqual(
    bodyOf(answer),
    [401, { error: 'INVALID_PASSKEY', message: 'This passkey could not be verified' }],
    why && `${why}: ${answer.text}`,
  );

export const assertStale = (answer: Answer): void =>
  assert.deepEqual(bodyOf(answer), [
    403,
    { error: 'REAUTH_REQUIRED', message: 'Please confirm your identity again before this change' },
  ]);

export const assertUnknown = (answer: Answer): void =>
  assert.deepEqual(bodyOf(answer), [404, { error: 'NOT_FOUND', message: 'There is nothing here' }]);

/** A first factor that is right, and what names the login that waits for the second. */
export async function pendingChallenge(answer: Answer): Promise<string> {
  assert.deepEqual([answer.status, answer.body.error], [401, 'TOTP_REQUIRED'], answer.text);
  assert.ok(answer.body.challenge);
  return answer.body.challenge;
}

/** Subjects of what was mailed to somebody, newest first. */
const subjectsTo = async (world: OpenedClient, email: string): Promise<string[]> =>
  (await world.mails(email)).map(({ subject }) => subject);

/** Those that concern passkeys: a sign-in may be noticed beside them. */
export const passkeyMails = async (world: OpenedClient, email: string): Promise<string[]> =>
  (await subjectsTo(world, email)).filter((subject) => subject.includes('passkey'));
