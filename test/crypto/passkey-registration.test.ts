import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { type Cbor, cbor, Raw } from '../support/cbor.ts';
import {
  authenticatorData,
  coseKey,
  type RegistrationParts,
  SoftwareAuthenticator,
  sha256,
  signed,
} from '../support/software-authenticator.ts';
import {
  CLIENT_DATA,
  ceremonies,
  creation,
  FLAGS,
  ORIGIN,
  OTHER_ORIGIN,
  registering,
  type TamperRegistration,
} from './ceremonies.ts';

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
