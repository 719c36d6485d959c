import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { decodeBase32, encodeBase32 } from '../../src/core/base32.ts';

/** RFC 4648 §10, without the padding. */
const vectors: readonly [text: string, base32: string][] = [
  ['', ''],
  ['f', 'MY'],
  ['fo', 'MZXQ'],
  ['foo', 'MZXW6'],
  ['foob', 'MZXW6YQ'],
  ['fooba', 'MZXW6YTB'],
  ['foobar', 'MZXW6YTBOI'],
];

describe('base32', () => {
  for (const [text, base32] of vectors) {
    it(`writes ${JSON.stringify(text)} as ${JSON.stringify(base32)}, and reads it back`, () => {
      assert.equal(encodeBase32(Buffer.from(text)), base32);
      assert.equal(Buffer.from(decodeBase32(base32) ?? []).toString(), text);
    });
  }

  it('brings back any bytes of any length', () => {
    for (let length = 0; length <= 64; length++) {
      for (const bytes of [randomBytes(length), Buffer.alloc(length), Buffer.alloc(length, 255)]) {
        const text = encodeBase32(bytes);
        assert.match(text, /^[A-Z2-7]*$/);
        assert.equal(text.length, Math.ceil((length * 8) / 5));
        assert.deepEqual(Buffer.from(decodeBase32(text) ?? [1]), bytes);
      }
    }
  });

  it('refuses what it would not write', () => {
    const others = [
      'MY======', // padded
      'my',
      'M Y',
      'MZ-XQ',
      'M0', // no digits but 2 to 7
      'M1',
      'M8',
      'ＭＹ', // full width
      'MY\n',
      '🦊',
      'M', // of these lengths no bytes are written
      'MZX',
      'MZXW6Y',
      'MZ', // a bit left over that is not zero
      'MZXR',
    ];
    assert.deepEqual(
      others.filter((text) => decodeBase32(text) !== undefined),
      [],
    );
  });
});
