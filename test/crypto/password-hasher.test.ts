import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createKeyring } from '../../src/core/keyring.ts';
import { HashPool } from '../../src/crypto/hash-pool.ts';
import { ARGON2_PARAMETERS, argon2id } from '../../src/crypto/password-hasher.ts';

const OLD = 'Z3vT1qLr8nYcX5kWm2HsPb7dGfJ9uE4a';
const NEW = 'kR7wQ2zVt5NxLc8pJm1BfYh4sDg6uE9i';
const QUICK = { memoryCost: 64, timeCost: 1, parallelism: 1, outputLen: 32 };
const hasherWith = (secrets: [string, ...string[]], parameters = QUICK) =>
  argon2id(new HashPool(), createKeyring(secrets).peppers, parameters);

describe('the password hasher', () => {
  it('uses Argon2id at OWASP’s floor unless a test says otherwise', async () => {
    const { hash } = await (await argon2id(new HashPool(), createKeyring([NEW]).peppers)).hash('a password');
    const [, memory, passes] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$/.exec(hash) ?? [];
    assert.ok(Number(memory) >= 19_456 && Number(passes) >= 2, hash);
    assert.deepEqual(ARGON2_PARAMETERS, { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 });
  });

  it('never makes one hash twice', async () => {
    const hasher = await hasherWith([NEW]);
    const hashes = await Promise.all(Array.from({ length: 50 }, () => hasher.hash('one password')));
    assert.equal(new Set(hashes.map(({ hash }) => hash)).size, 50);
  });

  it('verifies the whole password', async () => {
    const hasher = await hasherWith([NEW]);
    const password = `${'x'.repeat(99)}Y`;
    const stored = await hasher.hash(password);
    const tries = [
      password,
      password.slice(0, 72),
      `${'x'.repeat(99)}y`,
      `${password} `,
      password.toLowerCase(),
      `${password}\0`,
    ];
    assert.deepEqual(await Promise.all(tries.map((text) => hasher.verify(stored, text))), [
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it('verifies nothing without the pepper, which no hash tells', async () => {
    const stored = await (await hasherWith([OLD])).hash('a password');
    assert.equal(await (await hasherWith([NEW])).verify(stored, 'a password'), false);
    const renamed = { ...stored, pepperId: createKeyring([NEW]).peppers[0]?.id ?? '' };
    assert.equal(await (await hasherWith([NEW])).verify(renamed, 'a password'), false);
  });

  it('verifies under the pepper before this one, and calls the hash outdated', async () => {
    const stored = await (await hasherWith([OLD])).hash('a password');
    const hasher = await hasherWith([NEW, OLD]);
    assert.equal(await hasher.verify(stored, 'a password'), true);
    assert.equal(hasher.isOutdated(stored), true);
    assert.equal(hasher.isOutdated(await hasher.hash('a password')), false);
  });

  it('calls a hash with weaker parameters outdated, a stronger one not', async () => {
    const weak = await (await hasherWith([NEW])).hash('a password');
    const strong = await (await hasherWith([NEW], { ...QUICK, memoryCost: 256, timeCost: 3 })).hash('a password');
    const hasher = await hasherWith([NEW], { ...QUICK, memoryCost: 128, timeCost: 2 });
    assert.deepEqual([hasher.isOutdated(weak), hasher.isOutdated(strong)], [true, false]);
    assert.equal(await hasher.verify(weak, 'a password'), true);
  });

  it('verifies nothing for an unknown account, whatever the password', async () => {
    const hasher = await hasherWith([NEW]);
    assert.deepEqual(await Promise.all(['', 'a password'].map((text) => hasher.verifyNothing(text))), [false, false]);
  });

  it('fails on a stored text that is no hash, and goes on', async () => {
    const hasher = await argon2id(new HashPool({ width: 1 }), createKeyring([NEW]).peppers, QUICK);
    const stored = await hasher.hash('a password');
    for (const hash of ['', 'not a hash', '$argon2id$v=19$m=64,t=1,p=1$', stored.hash.slice(0, 40)]) {
      assert.notEqual(await hasher.verify({ ...stored, hash }, 'a password').catch(() => 'failed'), true);
    }
    assert.equal(await hasher.verify(stored, 'a password'), true);
  });
});
