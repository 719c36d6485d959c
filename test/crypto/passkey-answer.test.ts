import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { SoftwareAuthenticator } from '../support/software-authenticator.ts';
import { ceremonies, creation, ORIGIN, registered, request, WRONG } from './ceremonies.ts';

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
