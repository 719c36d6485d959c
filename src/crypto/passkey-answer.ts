import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { LONGEST_CREDENTIAL_ID } from './authenticator-data.ts';

/**
 * Bytes in base64url, at least one: in its one spelling, without padding. The limits keep what is hostile small; what
 * browsers send is far below them.
 */
const bytes = (most: number) =>
  Type.Refine(Type.String(), (text) => {
    if (text === '' || text.length > Math.ceil((most * 4) / 3)) return false;
    return Buffer.from(text, 'base64url').toString('base64url') === text;
  });

const ClientDataJson = bytes(4096);
const Named = {
  id: bytes(LONGEST_CREDENTIAL_ID),
  rawId: bytes(LONGEST_CREDENTIAL_ID),
  type: Type.Literal('public-key'),
};

/** What of an answer both ceremonies have in common. */
const Answer = Type.Object({
  ...Named,
  response: Type.Object({
    clientDataJSON: ClientDataJson,
    // WebAuthn §5.4.3: 64 bytes.
    userHandle: Type.Optional(Type.Union([Type.Null(), bytes(64)])),
  }),
});

/** RegistrationResponseJSON, as far as it counts (WebAuthn §5.1). */
const RegistrationAnswer = Type.Object({
  ...Named,
  response: Type.Object({
    clientDataJSON: ClientDataJson,
    attestationObject: bytes(8192),
    transports: Type.Optional(Type.Array(Type.String())),
  }),
});

/** AuthenticationResponseJSON, as far as it counts; an RSA signature of 4,096 bits has 512 bytes. */
const AssertionAnswer = Type.Object({
  ...Named,
  response: Type.Object({
    clientDataJSON: ClientDataJson,
    authenticatorData: bytes(4096),
    signature: bytes(1024),
  }),
});

const ClientData = Type.Object({
  type: Type.String(),
  challenge: bytes(256),
  origin: Type.String(),
  crossOrigin: Type.Optional(Type.Unknown()),
  topOrigin: Type.Optional(Type.Unknown()),
});

export type ClientData = Static<typeof ClientData>;

export const readAnswer = reader(Answer);
export const readRegistration = reader(RegistrationAnswer);
export const readAssertion = reader(AssertionAnswer);

/** @returns a function that gives `undefined` for what is not of the schema, or signed nothing that can be read */
function reader<Schema extends typeof Answer | typeof RegistrationAnswer | typeof AssertionAnswer>(schema: Schema) {
  return (answer: unknown): (Static<Schema> & { clientData: ClientData }) | undefined => {
    if (!Value.Check(schema, answer)) return undefined;
    const { id, rawId, response } = answer as Static<typeof Answer>;
    const clientData = readClientData(response.clientDataJSON);
    return id === rawId && clientData ? { ...answer, clientData } : undefined;
  };
}

function readClientData(text: string): ClientData | undefined {
  try {
    const clientData: unknown = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'base64url')),
    );
    return Value.Check(ClientData, clientData) ? clientData : undefined;
  } catch {
    return undefined;
  }
}

const TRANSPORTS = ['ble', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb'];

/** Those that a browser may be given back (WebAuthn §5.8.4), once each; `cable` is what hybrid was called. */
export function knownTransports(said: readonly string[] = []): string[] {
  const current = said.map((name) => (name === 'cable' ? 'hybrid' : name));
  return TRANSPORTS.filter((name) => current.includes(name));
}
