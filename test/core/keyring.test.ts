import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { createKeyring, type DigestPurpose } from '../../src/core/keyring.ts';

const OLD = 'Z3vT1qLr8nYcX5kWm2HsPb7dGfJ9uE4a';
const NEW = 'kR7wQ2zVt5NxLc8pJm1BfYh4sDg6uE9i';
const purposes: DigestPurpose[] = [
  'one-time-token',
  'set-up-link',
  'set-up-account',
  'refresh-token',
  'known-client',
  'identifier',
  'challenge',
  'form',
  'audit',
];
const nonce = () => randomBytes(12);

describe('the keyring’s digests', () => {
  it('differ from purpose to purpose', () => {
    const keyring = createKeyring([NEW]);
    const digests = purposes.map((purpose) => keyring.digest(purpose, 'one text'));
    assert.equal(new Set(digests).size, purposes.length);
  });

  it('are 256 bits in base64url, and none without the secret', () => {
    const [one, other] = [createKeyring([NEW]), createKeyring([OLD])].map((keyring) => keyring.digest('audit', 'text'));
    assert.match(one ?? '', /^[\w-]{43}$/);
    assert.notEqual(one, other);
  });

  it('are looked up under the secret before this one too, the current first', () => {
    const rotated = createKeyring([NEW, OLD]);
    const expected = [createKeyring([NEW]), createKeyring([OLD])].map((keyring) =>
      keyring.digest('identifier', 'text'),
    );
    assert.deepEqual(rotated.digests('identifier', 'text'), expected);
    assert.equal(rotated.digest('identifier', 'text'), expected[0]);
  });
});

describe('what the keyring seals', () => {
  it('opens again, whatever text it was', () => {
    const keyring = createKeyring([NEW]);
    const texts = ['', 'a', '{"to":"ada@example.com"}', '😀é\0\n', 'x'.repeat(100_000)];
    assert.deepEqual(
      texts.map((text) => keyring.open('outbox 1', keyring.seal('outbox 1', text, nonce()))),
      texts,
    );
  });

  it('opens after the secret was rotated, and no longer once the old one is dropped', () => {
    const sealed = createKeyring([OLD]).seal('outbox 1', 'text', nonce());
    assert.equal(createKeyring([NEW, OLD]).open('outbox 1', sealed), 'text');
    assert.throws(() => createKeyring([NEW]).open('outbox 1', sealed), /GUICHET_SECRET/);
  });

  it('opens in no other row and for no other use', () => {
    const keyring = createKeyring([NEW]);
    const sealed = keyring.seal('outbox 1', 'text', nonce());
    for (const context of ['outbox 2', 'outbox 11', 'mailbox 1', 'outbox', '']) {
      assert.throws(() => keyring.open(context, sealed), context);
    }
  });

  it('does not open when any part of it was changed', () => {
    const keyring = createKeyring([NEW]);
    const sealed = keyring.seal('outbox 1', 'a longer text to be changed', nonce());
    const opened = [...sealed].flatMap((character, index) => {
      const changed = `${sealed.slice(0, index)}${character === 'A' ? 'B' : 'A'}${sealed.slice(index + 1)}`;
      try {
        // A change in the spare bits of base64url is none.
        const parts = changed.split('.').map((part) => Buffer.from(part, 'base64url').toString('hex'));
        const before = sealed.split('.').map((part) => Buffer.from(part, 'base64url').toString('hex'));
        if (parts.slice(1).join() === before.slice(1).join() && changed.split('.')[0] === sealed.split('.')[0])
          return [];
        keyring.open('outbox 1', changed);
        return [index];
      } catch {
        return [];
      }
    });
    assert.deepEqual(opened, []);
  });

  it('does not open with a tag cut short', () => {
    const keyring = createKeyring([NEW]);
    const [keyId, iv, text, tag] = keyring.seal('outbox 1', 'text', nonce()).split('.');
    const cut = Buffer.from(tag ?? '', 'base64url')
      .subarray(0, 12)
      .toString('base64url');
    assert.throws(() => keyring.open('outbox 1', [keyId, iv, text, cut].join('.')));
  });
});

describe('the successor of a refresh token', () => {
  it('is the same for the same token and nonce, and another for any other', () => {
    const keyring = createKeyring([NEW]);
    const first = keyring.successor('token', 'nonce');
    assert.deepEqual(keyring.successor('token', 'nonce'), first);
    const others = [keyring.successor('token', 'nonce2'), keyring.successor('token2', 'nonce')].map(({ bytes }) =>
      Buffer.from(bytes).toString('hex'),
    );
    assert.equal(new Set([Buffer.from(first.bytes).toString('hex'), ...others]).size, 3);
    assert.equal(first.bytes.length, 32);
  });

  it('is derived again under the secret it was first derived with', () => {
    const before = createKeyring([OLD]).successor('token', 'nonce');
    const after = createKeyring([NEW, OLD]).successor('token', 'nonce', before.keyId);
    assert.deepEqual(after, before);
  });

  it('tells neither the token before it nor any digest', () => {
    const keyring = createKeyring([NEW]);
    const text = Buffer.from(keyring.successor('token', 'nonce').bytes).toString('base64url');
    assert.ok(!purposes.some((purpose) => keyring.digest(purpose, 'token.nonce') === text));
  });
});

describe('the peppers', () => {
  it('come the current one first, named without telling anything of the key', () => {
    const [current, before] = createKeyring([NEW, OLD]).peppers;
    assert.deepEqual(createKeyring([NEW]).peppers, [current]);
    assert.deepEqual(createKeyring([OLD]).peppers, [before]);
    assert.ok(current && before && !current.key.toString('hex').includes(current.id));
  });
});
