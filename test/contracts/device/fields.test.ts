import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { device as contract } from '../../../src/contracts/device/contract.ts';
import { assertRefused, assertShape } from './answers.ts';
import { PASSWORD, sharedWorld } from './client.ts';
import { ALL, BODIES, REQUIRED, SIGNED_IN, split } from './lines.ts';

describe('the lines of the contract', () => {
  it('are all looked at', () => {
    const lines = contract.routes.map(({ method, path }) => `${method} ${path}`);
    const named = ALL.map((line) => line.replace(/\/550e.*$/, '/:uuid').replace(/\/\d+$/, '/:id'));
    assert.deepEqual(named.sort(), lines.sort());
    const taking = contract.routes.filter(({ takes }) => takes).map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(Object.keys(BODIES).sort(), taking.sort());
    assert.deepEqual(Object.keys(REQUIRED).sort(), taking.sort());
  });
});

describe('a body’s fields', () => {
  const world = sharedWorld({ env: { GUICHET_RATE_LIMITS: 'off' } });
  const type = ['Ce champ n’est pas du bon type.'];
  const required = ['Ce champ est obligatoire.'];
  const tooLong = ['Cette valeur est trop longue.'];
  const malformed = ['Cette valeur n’est pas acceptée.'];

  for (const [line, good] of Object.entries(BODIES)) {
    const [method, path] = split(line);
    const needed = REQUIRED[line] ?? [];
    const asker = async () => (SIGNED_IN.includes(line) ? (await world().signedIn()).client : world().another());

    it(`${line} needs what it needs, and says of each that it is missing`, async () => {
      const client = await asker();
      if (needed.length > 0) {
        const errors = Object.fromEntries(needed.map((field) => [field, required]));
        for (const nothing of [{}, { body: {} }, { raw: '' }, { raw: 'null' }]) {
          assertRefused(await client.ask(method, path, nothing), 422, 'validation_failed', { errors });
        }
      }
      for (const field of needed) {
        const answer = await client.ask(method, path, { body: { ...good, [field]: undefined } });
        assertRefused(answer, 422, 'validation_failed', { errors: { [field]: required } });
      }
    });

    it(`${line} refuses a field of another type, and says which`, async () => {
      const client = await asker();
      for (const [field, value] of Object.entries(good)) {
        const others = [null, 0, 12345, 1.5, [], ['a'], {}, { $gt: '' }, typeof value === 'string' ? true : 'true'];
        for (const other of others) {
          const answer = await client.ask(method, path, { body: { ...good, [field]: other } });
          assertRefused(answer, 422, 'validation_failed', { errors: { [field]: type } });
        }
      }
    });

    it(`${line} refuses what no field can hold, and a text that is too long`, async () => {
      const client = await asker();
      for (const [field, value] of Object.entries(good)) {
        if (typeof value !== 'string') continue;
        for (const hostile of ['a\u0000b', '\u0000']) {
          const answer = await client.ask(method, path, { body: { ...good, [field]: hostile } });
          assertRefused(answer, 422, 'validation_failed', { errors: { [field]: malformed } });
        }
        const half = JSON.stringify({ ...good, [field]: 'HALF' }).replace('HALF', '\\ud83d');
        const answer = await client.ask(method, path, { raw: half });
        assertRefused(answer, 422, 'validation_failed', { errors: { [field]: malformed } });
        const long = await client.ask(method, path, { body: { ...good, [field]: 'x'.repeat(5000) } });
        const errors = { [field]: field === 'channel' ? malformed : tooLong };
        assertRefused(long, 422, 'validation_failed', { errors });
      }
    });

    it(`${line} is no object’s but an object’s`, async () => {
      const client = await asker();
      for (const raw of ['[]', '"text"', '1', 'true', '[{}]']) {
        const answer = await client.ask(method, path, { raw });
        assertRefused(answer, 422, 'validation_failed', { errors: { body: type } });
      }
    });

    it(`${line} answers any text in its own shape`, async () => {
      const client = await asker();
      const texts = [
        '',
        ' ',
        '٠١٢٣٤٥',
        '１２３４５６',
        '😀',
        '\u202e',
        "' or 1=1 --",
        '%00',
        '../..',
        'é'.repeat(40),
        '<b>',
      ];
      for (const [field, value] of Object.entries(good)) {
        if (typeof value !== 'string') continue;
        for (const text of texts) {
          const answer = await client.ask(method, path, { body: { ...good, [field]: text } });
          assertShape(answer);
          assert.ok(answer.status < 500, `${field} ${JSON.stringify(text)}: ${answer.text}`);
        }
      }
    });
  }

  it('a code is text of its own digits alone', async () => {
    const { another, enrol, signedIn, totp } = world();
    const { client, email } = await signedIn();
    const { secret } = await enrol(client, 'totp');
    const code = totp(secret);
    const fullWidth = [...code].map((digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0)).join('');
    for (const otp of [` ${code}`, `${code} `, fullWidth, `${code}0`, '000000000', '']) {
      const answer = await another().verify(email, otp, { password: PASSWORD });
      assertRefused(answer, 401, 'invalid_otp');
    }
    assert.equal((await another().verify(email, code, { password: PASSWORD })).status, 200);
  });
});
