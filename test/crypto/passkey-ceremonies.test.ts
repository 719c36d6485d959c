import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { cbor } from '../support/cbor.ts';
import { coseKey, signed } from '../support/software-authenticator.ts';
import {
  asserting,
  CLIENT_DATA,
  ceremonies,
  creation,
  FLAGS,
  ORIGIN,
  registered,
  request,
  type TamperAssertion,
  WRONG,
} from './ceremonies.ts';

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
