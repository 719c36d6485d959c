import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Credential } from '../../src/core/passkey.ts';
import { passkeyCeremonies } from '../../src/crypto/passkey-ceremonies.ts';
import { type Cbor, cbor, Raw } from '../support/cbor.ts';
import {
  type AssertionParts,
  authenticatorData,
  coseKey,
  type Make,
  type RegistrationParts,
  SoftwareAuthenticator,
  sha256,
  signed,
} from '../support/software-authenticator.ts';

const ORIGIN = 'https://auth.example.org';
const OTHER_ORIGIN = 'https://app.example.org';
const ceremonies = passkeyCeremonies({
  relyingPartyId: 'example.org',
  relyingPartyName: 'Guichet',
  isAllowedOrigin: (origin) => origin === ORIGIN || origin === OTHER_ORIGIN,
});

const user = () => ({ handle: randomBytes(64).toString('base64url'), name: 'ada@example.org', displayName: 'Ada' });
/** What a caller gets: options as JSON carries them. */
const overTheWire = <T>(value: T): T => JSON.parse(JSON.stringify(value));

async function creation(of: { exclude?: Credential[] } = {}) {
  const challenge = randomBytes(56);
  const asked = user();
  const options = await ceremonies.registrationOptions({ challenge, user: asked, exclude: of.exclude ?? [] });
  return { challenge, user: asked, options: overTheWire(options) };
}

async function request(of: { allow?: Credential[]; userVerification?: 'required' | 'preferred' } = {}) {
  const challenge = randomBytes(56);
  const { allow = [], userVerification = 'required' } = of;
  const options = await ceremonies.assertionOptions({ challenge, allow, userVerification });
  return { challenge, options: overTheWire(options) };
}

type TamperRegistration = (parts: RegistrationParts) => unknown;
type TamperAssertion = (parts: AssertionParts) => unknown;

async function registering(tamper?: TamperRegistration, make?: Make) {
  const { challenge, options } = await creation();
  const answer = new SoftwareAuthenticator(make).register(options, { origin: ORIGIN, tamper });
  return ceremonies.verifyRegistration(answer, challenge);
}

/** Somebody whose passkey is registered. */
async function registered(make?: Make) {
  const authenticator = new SoftwareAuthenticator(make);
  const { challenge, options, user } = await creation();
  const answer = authenticator.register(options, { origin: ORIGIN });
  const credential = await ceremonies.verifyRegistration(answer, challenge);
  assert.ok(credential);
  return { authenticator, credential, user };
}

async function asserting(
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

const WRONG = { outcome: 'wrong' };
const ALGORITHMS = [
  { name: 'ES256', algorithm: -7 },
  { name: 'EdDSA', algorithm: -8 },
  { name: 'RS256', algorithm: -257 },
] as const;

describe('passkey options', () => {
  it('R108: ask for −7, −8 and −257 alone, a resident key, a verified user and no attestation', async () => {
    const { challenge, options, user } = await creation();
    assert.deepEqual(options, {
      challenge: challenge.toString('base64url'),
      rp: { id: 'example.org', name: 'Guichet' },
      user: { id: user.handle, name: 'ada@example.org', displayName: 'Ada' },
      pubKeyCredParams: [-7, -8, -257].map((alg) => ({ alg, type: 'public-key' })),
      timeout: 300_000,
      attestation: 'none',
      excludeCredentials: [],
      authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
      extensions: { credProps: true },
      hints: [],
    });
  });

  it('name the passkeys that are not to be registered again, with how they are reached', async () => {
    const { credential } = await registered({ transports: ['usb', 'nfc'] });
    const { options } = await creation({ exclude: [credential] });
    assert.deepEqual((options as { excludeCredentials: unknown }).excludeCredentials, [
      { id: credential.credentialId, type: 'public-key', transports: ['nfc', 'usb'] },
    ]);
  });

  it('of a sign-in list nothing unless they are told to', async () => {
    const { challenge, options } = await request();
    assert.deepEqual(options, {
      challenge: challenge.toString('base64url'),
      rpId: 'example.org',
      allowCredentials: [],
      timeout: 300_000,
      userVerification: 'required',
    });
    const { credential } = await registered();
    const second = await request({ allow: [credential], userVerification: 'preferred' });
    assert.deepEqual(second.options, {
      challenge: second.challenge.toString('base64url'),
      rpId: 'example.org',
      allowCredentials: [{ id: credential.credentialId, type: 'public-key', transports: ['internal'] }],
      timeout: 300_000,
      userVerification: 'preferred',
    });
  });
});

for (const { name, algorithm } of ALGORITHMS) {
  describe(`a passkey with ${name}`, () => {
    it('is registered and signs in, again and again', async () => {
      const person = await registered({ algorithm });
      assert.equal(person.credential.counter, 0);
      assert.equal(person.credential.credentialId, person.authenticator.credentials[0]?.id);
      assert.deepEqual(
        Buffer.from(person.credential.publicKey, 'base64url'),
        cbor(coseKey(algorithm, person.authenticator.credentials[0]?.publicKey ?? assert.fail())),
      );
      for (const counter of [1, 2, 3]) {
        const outcome = await asserting(person);
        assert.deepEqual(outcome, { outcome: 'right', counter, userVerified: true, backedUp: false });
        person.credential.counter = counter;
      }
    });

    it('R107: is refused once any bit of what was signed, or of the signature, has turned', async () => {
      const { authenticator, credential } = await registered({ algorithm });
      const { challenge, options } = await request();
      const answer = authenticator.assert(options, { origin: ORIGIN });
      const verify = (response: typeof answer.response) =>
        ceremonies.verifyAssertion({ ...answer, response }, { challenge, credential, userVerification: 'required' });
      assert.equal((await verify(answer.response)).outcome, 'right');
      for (const part of ['clientDataJSON', 'authenticatorData', 'signature'] as const) {
        const bytes = Buffer.from(answer.response[part], 'base64url');
        for (let bit = 0; bit < bytes.length * 8; bit += part === 'clientDataJSON' ? 7 : 1) {
          const turned = Buffer.from(bytes);
          turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          const response = { ...answer.response, [part]: turned.toString('base64url') };
          assert.deepEqual(await verify(response), WRONG, `bit ${bit} of ${part}`);
        }
      }
    });
  });
}

/** What is wrong in either ceremony, or rather in what the browser says of it. */
const CLIENT_DATA: [string, Record<string, unknown>][] = [
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

const FLAGS: [string, Partial<RegistrationParts['flags']>][] = [
  ['R107: refuses somebody who is not present', { userPresent: false }],
  ['R107: refuses somebody who is present but not verified', { userVerified: false }],
  ['R107: refuses a passkey that is backed up but may not be', { backupEligible: false, backedUp: true }],
];

describe('a registration', () => {
  it('tells how the passkey is reached, what made it, and whether it is kept in several places', async () => {
    const aaguid = Buffer.from('ea9b8d664d011d213ce4b6b48cb575d4', 'hex');
    const passkey = await registering(undefined, { aaguid, synced: true, transports: ['internal', 'hybrid'] });
    assert.equal(passkey?.aaguid, 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4');
    assert.equal(passkey?.backedUp, true);
    assert.deepEqual(passkey?.transports, ['hybrid', 'internal']);
  });

  it('keeps of the transports those that there are, once', async () => {
    const transports = ['usb', 'usb', 'cable', 'carrier-pigeon', '__proto__', 'x'.repeat(10_000)];
    assert.deepEqual((await registering(undefined, { transports }))?.transports, ['hybrid', 'usb']);
  });

  it('may come from any listed origin, and from a browser that says nothing of frames', async () => {
    const other: TamperRegistration = ({ clientData }) => Object.assign(clientData, { origin: OTHER_ORIGIN });
    assert.ok(await registering(other));
    assert.ok(await registering(({ clientData }) => delete clientData['crossOrigin']));
    assert.ok(await registering(({ clientData }) => Object.assign(clientData, { other_keys_can_be_added_here: 'so' })));
  });

  it('may bring what the authenticator says of extensions', async () => {
    assert.ok(await registering(({ flags }) => Object.assign(flags, { extensionData: true })));
  });

  it('may be attested by its own key, as a browser that is asked for nothing may leave it', async () => {
    assert.ok(await registering(attestedBy((parts, bytes) => parts.sign(bytes))));
    assert.equal(await registering(attestedBy((parts) => parts.sign(Buffer.from('something else')))), undefined);
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    assert.equal(await registering(attestedBy((_parts, bytes) => signed(-7, bytes, other))), undefined);
  });

  for (const [what, change] of CLIENT_DATA) {
    it(`R107: refuses ${what}`, async () => {
      assert.equal(await registering(({ clientData }) => Object.assign(clientData, change)), undefined);
    });
  }

  it('R107: refuses what was signed to sign in', async () => {
    const type = 'webauthn.get';
    assert.equal(await registering(({ clientData }) => Object.assign(clientData, { type })), undefined);
  });

  for (const [name, flags] of FLAGS) {
    it(name, async () => assert.equal(await registering((parts) => Object.assign(parts.flags, flags)), undefined));
  }

  it('R107: refuses an answer for another relying party', async () => {
    for (const rpId of ['auth.example.org', 'evil.example', 'org', '', 'EXAMPLE.ORG']) {
      assert.equal(await registering((parts) => Object.assign(parts, { rpId })), undefined, rpId);
    }
  });

  it('R106: refuses a challenge that is longer, shorter, or another’s', async () => {
    const { challenge, options } = await creation();
    const answer = new SoftwareAuthenticator().register(options, { origin: ORIGIN });
    for (const other of [challenge.subarray(1), Buffer.concat([challenge, Buffer.alloc(1)]), randomBytes(56), '']) {
      assert.equal(await ceremonies.verifyRegistration(answer, Buffer.from(other)), undefined);
    }
    assert.ok(await ceremonies.verifyRegistration(answer, challenge));
  });

  it('R109: takes a credential id of 1,023 bytes and refuses one of 1,024, or none', async () => {
    const withId = (length: number) =>
      registering((parts) => Object.assign(parts, { credentialId: randomBytes(length) }));
    assert.ok(await withId(1023));
    assert.equal(await withId(1024), undefined);
    assert.equal(await withId(0), undefined);
  });

  it('R109: refuses a credential id that its authenticator did not give', async () => {
    const { challenge, options } = await creation();
    const answer = new SoftwareAuthenticator().register(options, { origin: ORIGIN });
    const id = randomBytes(16).toString('base64url');
    assert.equal(await ceremonies.verifyRegistration({ ...answer, id, rawId: id }, challenge), undefined);
    assert.equal(await ceremonies.verifyRegistration({ ...answer, rawId: id }, challenge), undefined);
    assert.equal(await ceremonies.verifyRegistration({ ...answer, type: 'password' }, challenge), undefined);
  });

  it('R108: refuses every other attestation, whatever is in it', async () => {
    const statement: [string, Cbor][] = [
      ['alg', -7],
      ['sig', randomBytes(70)],
      ['x5c', [randomBytes(500)]],
      ['ver', '2.0'],
    ];
    for (const fmt of [
      'packed',
      'tpm',
      'android-key',
      'android-safetynet',
      'fido-u2f',
      'apple',
      'compound',
      'none',
      '',
    ]) {
      const attestation = new Map<string, Cbor>([
        ['fmt', fmt],
        ['attStmt', new Map(statement)],
      ]);
      assert.equal(await registering((parts) => Object.assign(parts, { attestation })), undefined, fmt);
    }
  });
});

/** A packed attestation by the credential's own key (WebAuthn §8.2), signed as told. */
function attestedBy(sign: (parts: RegistrationParts, bytes: Buffer) => Buffer): TamperRegistration {
  return (parts) => {
    const bytes = Buffer.concat([authenticatorData(parts), sha256(JSON.stringify(parts.clientData))]);
    parts.attestation = new Map<string, Cbor>([
      ['fmt', 'packed'],
      [
        'attStmt',
        new Map<string, Cbor>([
          ['alg', -7],
          ['sig', sign(parts, bytes)],
        ]),
      ],
    ]);
  };
}

const P256 = (change: (jwk: { x: Buffer; y: Buffer }) => void = () => {}): Map<number, Cbor> => {
  const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
  const point = { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
  change(point);
  return new Map<number, Cbor>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, point.x],
    [-3, point.y],
  ]);
};
const ed25519 = (): Map<number, Cbor> => coseKey(-8, generateKeyPairSync('ed25519').publicKey);
const rsa = (modulusLength = 2048, publicExponent = 65_537): Map<number, Cbor> =>
  coseKey(-257, generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey);
const withEntries = (key: Map<number, Cbor>, ...entries: [number, Cbor][]): Map<number, Cbor> =>
  new Map([...key, ...entries]);
const without = (key: Map<number, Cbor>, name: number): Map<number, Cbor> =>
  new Map([...key].filter(([other]) => other !== name));
/** The bytes of a map, with a longer count and further bytes at its end. */
const stretched = (key: Map<number, Cbor>, count: number, ...bytes: number[]): Raw =>
  new Raw(0xa0 | count, ...cbor(key).subarray(1), ...bytes);

/** Zeros before the number, so that it looks as long as it should be. */
const padded = (key: Map<number, Cbor>): Map<number, Cbor> =>
  withEntries(key, [-1, Buffer.concat([Buffer.alloc(128), key.get(-1) as Buffer])]);
const zeroBefore = (key: Map<number, Cbor>): Map<number, Cbor> =>
  withEntries(key, [-2, Buffer.concat([Buffer.of(0), key.get(-2) as Buffer])]);
/** An EC key whose last length is doubled. */
const claiming = (key: Buffer): Buffer => {
  key[key.length - 33] = 64;
  return key;
};

const p384 = () => {
  const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' });
  return { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') };
};

const KEYS: [string, () => Cbor][] = [
  ['RS1 (−65535)', () => withEntries(rsa(), [3, -65_535])],
  ['RS512 (−259)', () => withEntries(rsa(), [3, -259])],
  ['PS256 (−37)', () => withEntries(rsa(), [3, -37])],
  [
    'ES384 (−35)',
    () =>
      new Map<number, Cbor>([
        [1, 2],
        [3, -35],
        [-1, 2],
        [-2, p384().x],
        [-3, p384().y],
      ]),
  ],
  ['ES256K (−47)', () => withEntries(P256(), [3, -47], [-1, 8])],
  [
    'ML-DSA-44 (−48)',
    () =>
      new Map<number, Cbor>([
        [1, 7],
        [3, -48],
        [-1, randomBytes(1312)],
      ]),
  ],
  [
    'ES256 on P-384',
    () =>
      new Map<number, Cbor>([
        [1, 2],
        [3, -7],
        [-1, 2],
        [-2, p384().x],
        [-3, p384().y],
      ]),
  ],
  ['ES256 with the type of EdDSA', () => withEntries(P256(), [1, 1])],
  ['EdDSA with the type of ES256', () => withEntries(ed25519(), [1, 2])],
  ['EdDSA on Ed448', () => withEntries(ed25519(), [-1, 7])],
  ['ES256 with an RSA key', () => withEntries(rsa(), [3, -7])],
  ['RS256 with an EC key', () => withEntries(P256(), [3, -257])],
  ['RS256 and the type of an EC key', () => withEntries(rsa(), [1, 2])],
  ['a key without an algorithm', () => without(P256(), 3)],
  ['a key without a type', () => without(P256(), 1)],
  ['a key without a curve', () => without(P256(), -1)],
  ['an algorithm as text', () => withEntries(P256(), [3, 'ES256'])],
  ['an algorithm as a float', () => withEntries(P256(), [3, new Raw(0xfa, 0xc0, 0xe0, 0, 0)])],
  ['a tagged algorithm', () => withEntries(P256(), [3, new Raw(0xc1, 0x26)])],
  ['a point off its curve', () => P256(({ y }) => y.writeUInt8((y[31] ?? 0) ^ 1, 31))],
  ['the point (0, 0)', () => withEntries(P256(), [-2, Buffer.alloc(32)], [-3, Buffer.alloc(32)])],
  ['a coordinate beyond the field', () => P256(({ x }) => x.fill(0xff))],
  ['a point in compressed form', () => withEntries(P256(), [-3, true])],
  ['a coordinate that is too short', () => withEntries(P256(), [-2, randomBytes(31)])],
  ['a coordinate with a zero before it', () => zeroBefore(P256())],
  ['an EC key without y', () => without(P256(), -3)],
  ['an Ed25519 key of 31 bytes', () => withEntries(ed25519(), [-2, randomBytes(31)])],
  ['a coordinate as text', () => withEntries(ed25519(), [-2, 'x'.repeat(32)])],
  ['a private key', () => withEntries(P256(), [-4, randomBytes(32)])],
  ['a key with a member of its own', () => withEntries(P256(), [2, Buffer.from('kid')])],
  ['an RSA key of 1,024 bits', () => rsa(1024)],
  ['an RSA key that is written longer than it is', () => padded(rsa(1024))],
  ['an RSA key of 32,768 bits', () => withEntries(rsa(), [-1, randomBytes(4096)])],
  ['an RSA key with the exponent 3', () => rsa(2048, 3)],
  ['an RSA key with a vast exponent', () => withEntries(rsa(), [-2, randomBytes(256)])],
  ['an RSA modulus of zero', () => withEntries(rsa(), [-1, Buffer.alloc(256)])],
  ['an algorithm that is there twice', () => stretched(P256(), 6, 0x03, 0x26)],
  ['two algorithms, the right one last', () => stretched(withEntries(P256(), [3, -65_535]), 6, 0x03, 0x26)],
  ['a key that is there twice, once as a float', () => stretched(P256(), 6, 0xfa, 0x40, 0x40, 0, 0, 0x26)],
  ['a last coordinate that claims more bytes than there are', () => new Raw(...claiming(cbor(P256())))],
  ['a length in more bytes than it needs', () => withEntries(P256(), [-2, new Raw(0x59, 0, 32, ...randomBytes(32))])],
  ['a map of no stated length', () => new Raw(0xbf, ...cbor(P256()).subarray(1), 0xff)],
  ['a map that claims four thousand million members', () => new Raw(0xba, 0xff, 0xff, 0xff, 0xff, 1, 2)],
  ['an array that claims four thousand million items', () => new Raw(0x9a, 0xff, 0xff, 0xff, 0xff, 1, 2)],
  ['arrays in arrays, six thousand deep', () => new Raw(...Buffer.alloc(6000, 0x81), 1)],
  ['maps in maps, two thousand deep', () => new Raw(...Buffer.alloc(4000, Buffer.of(0xa1, 1)), 1)],
  ['a map with a map for a key', () => new Raw(0xa1, 0xa1, 1, 1, 1)],
  ['text that is no UTF-8', () => withEntries(P256(), [3, new Raw(0x62, 0xff, 0xfe)])],
  ['a number', () => 7],
  ['nothing', () => new Raw()],
];

describe('a credential’s public key', () => {
  for (const [what, key] of KEYS) {
    it(`R108: is refused: ${what}`, async () => {
      const publicKey = key();
      assert.equal(await registering((parts) => Object.assign(parts, { publicKey })), undefined);
    });
  }

  it('R108: is taken as each kind writes it', async () => {
    for (const publicKey of [P256(), ed25519(), rsa(), rsa(4096)]) {
      assert.ok(
        await registering((parts) => Object.assign(parts, { publicKey })),
        JSON.stringify([...publicKey.keys()]),
      );
    }
  });
});

const RESPONSES: [string, TamperRegistration][] = [
  ['a byte behind the authenticator data', (parts) => Object.assign(parts, { behind: Buffer.of(0) })],
  [
    'CBOR behind the authenticator data',
    (parts) => Object.assign(parts, { behind: cbor(new Map([['credProtect', 3]])) }),
  ],
  ['a byte behind the attestation object', (parts) => Object.assign(parts, { behindAttestation: Buffer.of(0) })],
  [
    'a second attestation object',
    (parts) => Object.assign(parts, { behindAttestation: cbor(new Map([['fmt', 'none']])) }),
  ],
  [
    'extensions that are announced and missing',
    (parts) => Object.assign(extended(parts), { extensions: Buffer.alloc(0) }),
  ],
  ['extensions that are no map', (parts) => Object.assign(extended(parts), { extensions: cbor([1]) })],
  [
    'extensions that are cut off',
    (parts) => Object.assign(extended(parts), { extensions: Buffer.of(0xa1, 0x61, 0x61, 0x58, 0x40, 1) }),
  ],
  [
    'an extension that is there twice',
    (parts) => Object.assign(extended(parts), { extensions: Buffer.of(0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2) }),
  ],
  ['no attested credential', (parts) => Object.assign(parts.flags, { attestedData: false })],
  ['no attestation format', (parts) => parts.attestation.delete('fmt')],
  ['no attestation statement', (parts) => parts.attestation.delete('attStmt')],
  ['an attestation statement that is no map', (parts) => parts.attestation.set('attStmt', 'none')],
  ['a statement of no attestation', (parts) => parts.attestation.set('attStmt', new Map([['alg', -7]]))],
  ['a format that is no text', (parts) => parts.attestation.set('fmt', 0)],
];

const extended = (parts: RegistrationParts): RegistrationParts => {
  parts.flags.extensionData = true;
  return parts;
};

describe('an attestation object', () => {
  for (const [what, tamper] of RESPONSES) {
    it(`R108: is refused with ${what}`, async () => assert.equal(await registering(tamper), undefined));
  }
});

describe('an assertion', () => {
  for (const [what, change] of CLIENT_DATA) {
    it(`R107: with ${what} is wrong`, async () => {
      const tamper: TamperAssertion = ({ clientData }) => Object.assign(clientData, change);
      assert.deepEqual(await asserting(await registered(), { tamper }), WRONG);
    });
  }

  it('R106: of a registration is wrong', async () => {
    const tamper: TamperAssertion = ({ clientData }) => Object.assign(clientData, { type: 'webauthn.create' });
    assert.deepEqual(await asserting(await registered(), { tamper }), WRONG);
  });

  it('R106: is wrong for another challenge', async () => {
    const { authenticator, credential } = await registered();
    const [first, second] = [await request(), await request()];
    const answer = authenticator.assert(first.options, { origin: ORIGIN });
    const of = { credential, userVerification: 'required' } as const;
    assert.deepEqual(await ceremonies.verifyAssertion(answer, { ...of, challenge: second.challenge }), WRONG);
    assert.deepEqual(await ceremonies.verifyAssertion(answer, { ...of, challenge: Buffer.alloc(0) }), WRONG);
    assert.equal((await ceremonies.verifyAssertion(answer, { ...of, challenge: first.challenge })).outcome, 'right');
  });

  for (const [name, flags] of FLAGS) {
    it(name, async () => {
      const tamper: TamperAssertion = (parts) => Object.assign(parts.flags, flags);
      assert.deepEqual(await asserting(await registered(), { tamper }), WRONG);
    });
  }

  it('R107: need not verify somebody where that is only preferred, and tells whether it did', async () => {
    const person = await registered({ synced: true });
    const tamper: TamperAssertion = ({ flags }) => Object.assign(flags, { userVerified: false });
    const userVerification = 'preferred';
    assert.deepEqual(await asserting(person, { tamper, userVerification }), {
      outcome: 'right',
      counter: 1,
      userVerified: false,
      backedUp: true,
    });
    const absent: TamperAssertion = ({ flags }) => Object.assign(flags, { userPresent: false });
    assert.deepEqual(await asserting(person, { tamper: absent, userVerification }), WRONG);
    const outcome = await asserting(person, { userVerification });
    assert.deepEqual(outcome, { outcome: 'right', counter: 3, userVerified: true, backedUp: true });
  });

  it('R107: for another relying party is wrong', async () => {
    for (const rpId of ['auth.example.org', 'evil.example', 'org']) {
      assert.deepEqual(
        await asserting(await registered(), { tamper: (parts) => Object.assign(parts, { rpId }) }),
        WRONG,
      );
    }
  });

  it('R110: by another passkey is wrong, whatever it calls itself', async () => {
    const [person, other] = [await registered(), await registered()];
    const { challenge, options } = await request();
    const answer = other.authenticator.assert(options, { origin: ORIGIN });
    const of = { challenge, credential: person.credential, userVerification: 'required' } as const;
    assert.deepEqual(await ceremonies.verifyAssertion(answer, of), WRONG);
    const id = person.credential.credentialId;
    assert.deepEqual(await ceremonies.verifyAssertion({ ...answer, id, rawId: id }, of), WRONG);
  });

  it('R108: with bytes behind its data is wrong, though they are signed', async () => {
    const person = await registered();
    assert.deepEqual(
      await asserting(person, { tamper: (parts) => Object.assign(parts, { behind: Buffer.of(0) }) }),
      WRONG,
    );
    const cutOff: TamperAssertion = (parts) => {
      parts.flags.extensionData = true;
      parts.extensions = Buffer.of(0xa1, 0x61, 0x61, 0x58, 0x20, ...randomBytes(24));
    };
    assert.deepEqual(await asserting(person, { tamper: cutOff }), WRONG);
    const extensions: TamperAssertion = (parts) => Object.assign(parts.flags, { extensionData: true });
    assert.equal((await asserting(person, { tamper: extensions })).outcome, 'right');
  });
});

describe('a signature counter', () => {
  /** What comes of a counter in an answer, where one is known already. */
  const counting = async (known: number, counter: number, tamper: TamperAssertion = () => {}) => {
    const { authenticator, credential } = await registered();
    return asserting(
      { authenticator, credential: { ...credential, counter: known } },
      { tamper: (parts) => tamper(Object.assign(parts, { counter })) },
    );
  };
  const right = (counter: number) => ({ outcome: 'right', counter, userVerified: true, backedUp: false });
  const REGRESSED = { outcome: 'counter_regressed' };

  it('R111: must have grown, unless nothing is counted', async () => {
    assert.deepEqual(await counting(0, 0), right(0));
    assert.deepEqual(await counting(0, 1), right(1));
    assert.deepEqual(await counting(5, 6), right(6));
    assert.deepEqual(await counting(5, 2 ** 32 - 1), right(2 ** 32 - 1));
    assert.deepEqual(await counting(5, 5), REGRESSED);
    assert.deepEqual(await counting(5, 4), REGRESSED);
    assert.deepEqual(await counting(5, 0), REGRESSED);
    assert.deepEqual(await counting(2 ** 32 - 1, 1), REGRESSED);
  });

  it('R111: accuses nobody’s passkey where anything else is wrong, the signature above all', async () => {
    assert.deepEqual(await counting(5, 5, (parts) => Object.assign(parts, { sign: () => randomBytes(70) })), WRONG);
    const forged = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    assert.deepEqual(
      await counting(5, 5, (parts) => Object.assign(parts, { sign: (bytes: Buffer) => signed(-7, bytes, forged) })),
      WRONG,
    );
    assert.deepEqual(await counting(5, 5, ({ flags }) => Object.assign(flags, { userVerified: false })), WRONG);
    assert.deepEqual(await counting(5, 5, ({ flags }) => Object.assign(flags, { backedUp: true })), WRONG);
    assert.deepEqual(
      await counting(5, 5, ({ clientData }) => Object.assign(clientData, { origin: 'https://evil.example' })),
      WRONG,
    );
  });
});

describe('what an answer claims', () => {
  it('is its credential, the challenge byte for byte, and the user handle where there is one', async () => {
    const { authenticator, credential, user } = await registered();
    const { challenge, options } = await request();
    const answer = authenticator.assert(options, { origin: 'https://evil.example' });
    const claimed = { credentialId: credential.credentialId, challenge: Uint8Array.from(challenge) };
    assert.deepEqual(ceremonies.read(answer), { ...claimed, userHandle: user.handle });
    const { userHandle: _, ...response } = answer.response;
    assert.deepEqual(ceremonies.read({ ...answer, response }), { ...claimed, userHandle: null });
    assert.deepEqual(ceremonies.read({ ...answer, response: { ...response, userHandle: null } }), {
      ...claimed,
      userHandle: null,
    });
    const made = await creation();
    const registration = new SoftwareAuthenticator().register(made.options, { origin: ORIGIN });
    assert.deepEqual(ceremonies.read(registration), {
      credentialId: registration.id,
      challenge: Uint8Array.from(made.challenge),
      userHandle: null,
    });
  });
});

const SPELLINGS = ['AAA', 'AAB', 'AA==', 'AAAA=', 'AAA=', 'A', 'AA+/', ' AAAA'];

describe('a base64url text in another spelling', () => {
  it('R108: is none, so that a passkey and a challenge have one name each', async () => {
    const { authenticator } = await registered();
    const { options } = await request();
    const answer = authenticator.assert(options, { origin: ORIGIN });
    const claims = (change: object) => ceremonies.read({ ...answer, ...change });
    assert.ok(claims({ id: 'AAA', rawId: 'AAA' }));
    for (const text of SPELLINGS.slice(1)) {
      assert.equal(claims({ id: text, rawId: text }), undefined, text);
      assert.equal(claims({ response: { ...answer.response, userHandle: text } }), undefined, text);
      const clientDataJSON = encoded(JSON.stringify({ type: 'webauthn.get', challenge: text, origin: ORIGIN }));
      assert.equal(claims({ response: { ...answer.response, clientDataJSON } }), undefined, text);
    }
  });
});

const encoded = (text: string): string => Buffer.from(text).toString('base64url');

describe('what is no answer at all', () => {
  /** Things in the place of a text that should be base64url. */
  const notBase64url: unknown[] = [
    undefined,
    null,
    true,
    0,
    -1,
    Number.NaN,
    1e308,
    {},
    [],
    ['AAAA'],
    { length: 4 },
    { toString: 'AAAA' },
    '',
    ' ',
    '=',
    'AAAA=',
    'AA==',
    'AAA',
    'A',
    'AAAAA',
    'AA+/',
    'AA.A',
    'AA\u0000A',
    'ÀÀÀÀ',
    '💥',
    'AAAA\n',
    ' AAAA',
    '-',
    '__proto__',
    'constructor',
    'A'.repeat(60_000),
    '_'.repeat(60_000),
    '\u{1F4A5}'.repeat(15_000),
  ];
  const notClientData: unknown[] = [
    ...notBase64url,
    ...[
      '',
      'null',
      '0',
      '"text"',
      '[]',
      '{',
      '{}',
      '{"type":"webauthn.get"}',
      '\ufeff',
      '\u0000',
      '['.repeat(3000),
      '{"a":'.repeat(700),
    ],
    ...[
      '{"challenge":1}',
      '{"__proto__":{"type":"webauthn.get","challenge":"AAAA","origin":"https://auth.example.org"}}',
    ],
    JSON.stringify({ type: 'webauthn.get', challenge: 'AAAA', origin: 'o'.repeat(5000) }),
    JSON.stringify({ type: 'webauthn.get', challenge: 'A'.repeat(500), origin: ORIGIN }),
  ].flatMap((item) => (typeof item === 'string' ? [item, encoded(item)] : [item]));

  async function samples() {
    const { authenticator, credential } = await registered();
    const [made, asked] = [await creation(), await request()];
    return {
      credential,
      made,
      asked,
      registration: new SoftwareAuthenticator().register(made.options, { origin: ORIGIN }),
      assertion: authenticator.assert(asked.options, { origin: ORIGIN }),
    };
  }

  it('R108: is refused by both ceremonies, throws nothing, and claims nothing', async () => {
    const { asked, credential, made } = await samples();
    const deep = JSON.parse(`${'{"response":'.repeat(5000)}1${'}'.repeat(5000)}`);
    const whole: unknown[] = [
      ...notBase64url,
      { id: 'AAAA', rawId: 'AAAA', type: 'public-key' },
      { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: null },
      { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: [] },
      { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: 'clientDataJSON' },
      JSON.parse('{"__proto__":{"id":"AAAA"},"constructor":{"prototype":{"id":"AAAA"}},"id":{"__proto__":[]}}'),
      deep,
    ];
    const of = { challenge: asked.challenge, credential, userVerification: 'required' } as const;
    for (const answer of whole) {
      assert.equal(ceremonies.read(answer), undefined);
      assert.equal(await ceremonies.verifyRegistration(answer, made.challenge), undefined);
      assert.deepEqual(await ceremonies.verifyAssertion(answer, of), WRONG);
    }
  });

  it('R108: is what has any member of another form', async () => {
    const { asked, assertion, credential, made, registration } = await samples();
    const of = { challenge: asked.challenge, credential, userVerification: 'required' } as const;
    const refused = async (answer: object, change: object, why: string): Promise<void> => {
      const changed = { ...answer, ...change };
      if (answer === registration)
        assert.equal(await ceremonies.verifyRegistration(changed, made.challenge), undefined, why);
      else assert.deepEqual(await ceremonies.verifyAssertion(changed, of), WRONG, why);
    };
    for (const answer of [registration, assertion]) {
      for (const value of notBase64url) {
        const why = JSON.stringify(value)?.slice(0, 80) ?? 'undefined';
        await refused(answer, { id: value, rawId: value }, `ids ${why}`);
        await refused(answer, { rawId: value }, `rawId ${why}`);
        await refused(answer, { type: value }, `type ${why}`);
        await refused(answer, { response: value }, `response ${why}`);
        for (const name of ['attestationObject', 'authenticatorData', 'signature']) {
          if (!(name in answer.response)) continue;
          await refused(answer, { response: { ...answer.response, [name]: value } }, `${name} ${why}`);
        }
      }
      for (const value of notClientData) {
        const changed = { ...answer, response: { ...answer.response, clientDataJSON: value } };
        await refused(answer, changed, `clientDataJSON ${JSON.stringify(value)?.slice(0, 80)}`);
        assert.equal(ceremonies.read(changed), undefined, JSON.stringify(value)?.slice(0, 80));
      }
    }
    assert.ok(await ceremonies.verifyRegistration(registration, made.challenge));
    assert.equal((await ceremonies.verifyAssertion(assertion, of)).outcome, 'right');
  });

  it('R108: is an attestation object of any other bytes', async () => {
    const { made, registration } = await samples();
    const bytes = Buffer.from(registration.response.attestationObject, 'base64url');
    const refused = async (object: Buffer, why: string): Promise<void> => {
      const response = { ...registration.response, attestationObject: object.toString('base64url') };
      // A bit of the id, the key or the counter makes another credential, which is then nobody's but the sender's.
      const found = await ceremonies.verifyRegistration({ ...registration, response }, made.challenge);
      assert.equal(found, undefined, why);
    };
    for (let length = 1; length < bytes.length; length += 1)
      await refused(bytes.subarray(0, length), `${length} bytes`);
    for (let size = 1; size < 8192; size *= 3) await refused(randomBytes(size), 'noise');
    // All but flags that say nothing, the counter and the aaguid, which this attestation does not protect.
    const authData = bytes.indexOf('authData') + 'authData'.length + 2;
    const free = (at: number): boolean => at >= authData + 32 && at < authData + 53;
    for (let at = 0; at < bytes.length; at += 1) {
      if (free(at)) continue;
      for (const bit of [1, 16, 128]) {
        const turned = Buffer.from(bytes);
        turned[at] = (turned[at] ?? 0) ^ bit;
        await refused(turned, `bit ${bit} of byte ${at}`);
      }
    }
  });
});
