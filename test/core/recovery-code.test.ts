import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { canonicalRecoveryCode, makeRecoveryCodes } from '../../src/core/recovery-code.ts';

const world = { random: { bytes: (length: number) => randomBytes(length), uuid: () => randomUUID() } };
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** All that is read tolerantly is in it: zeros, ones and letters. */
const CODE = '01ABC10DEFG0123HJKMNP4XYZ';

describe('recovery codes', () => {
  it('are ten of 25 characters, and never come twice (R048)', () => {
    const sets = Array.from({ length: 100 }, () => makeRecoveryCodes(world));
    for (const set of sets) {
      assert.equal(set.length, 10);
      for (const code of set) assert.match(code, /^[0-9A-HJKMNP-TV-Z]{25}$/);
    }
    assert.equal(new Set(sets.flat()).size, 1000);
  });

  it('use each character equally often', () => {
    // Every value of a byte in turn, until both bytes and sets come out even.
    let drawn = 0;
    const counting = { ...world.random, bytes: (length: number) => Uint8Array.from({ length }, () => drawn++) };
    const symbols = Array.from({ length: 128 }, () => makeRecoveryCodes({ random: counting }).join('')).join('');
    assert.equal(drawn, 32_000);
    for (const symbol of ALPHABET) assert.equal(symbols.split(symbol).length - 1, 1000);
  });

  it('are in their canonical form as they are made', () => {
    for (const code of makeRecoveryCodes(world)) assert.equal(canonicalRecoveryCode(code), code);
  });
});

describe('the canonical form of a recovery code (R052)', () => {
  const spellings: readonly [what: string, text: string][] = [
    ['the code itself', CODE],
    ['lower case', CODE.toLowerCase()],
    ['mixed case', '01aBc10DeFg0123HjKmNp4XyZ'],
    ['hyphens', '01ABC-10DEF-G0123-HJKMN-P4XYZ'],
    ['spaces', ' 01ABC 10DEF  G0123 HJKMN P4XYZ '],
    ['unbreakable spaces, tabs and line ends', '\t01ABC\u00a010DEF\u202fG0123\r\nHJKMN P4XYZ\n'],
    ['O for 0', 'O1ABC1ODEFGo123HJKMNP4XYZ'],
    ['I for 1', '0IABCi0DEFG0I23HJKMNP4XYZ'],
    ['L for 1', '0LABCl0DEFG0l23HJKMNP4XYZ'],
    ['all at once', ' oLabc-iO def-g O l 23--hjkmn-p4xyz '],
  ];
  for (const [what, text] of spellings) {
    it(`is found through ${what}`, () => {
      assert.equal(canonicalRecoveryCode(text), CODE);
    });
  }

  it('is none for a part of a code, or for more than one', () => {
    for (let length = 0; length < 25; length++) {
      for (const part of [CODE.slice(0, length), CODE.slice(25 - length), CODE.slice(0, length).padEnd(25, ' -')]) {
        assert.equal(canonicalRecoveryCode(part), undefined);
      }
    }
    for (const more of [`${CODE}0`, `0${CODE}`, CODE + CODE, `${CODE}, ${CODE}`, `${CODE}\0`, `${CODE}%`]) {
      assert.equal(canonicalRecoveryCode(more), undefined);
    }
  });

  it('is none for a code with a character that no code has', () => {
    // Among them what upper case or a compatibility form would make a letter of the alphabet, or two.
    for (const character of ['U', 'u', 'ı', 'ſ', 'ﬀ', 'ß', 'Ａ', '０', 'А', '٠', 'é', '*', '%', '_', '.', '\0', '🦊']) {
      assert.equal(canonicalRecoveryCode(character + CODE.slice(1)), undefined, character);
      assert.equal(canonicalRecoveryCode(character + CODE.slice(2)), undefined, character);
    }
  });

  it('is judged in no time, however long the text', () => {
    const begun = performance.now();
    for (const text of [' -'.repeat(32_768), 'O'.repeat(65_536), `${'- '.repeat(32_768)}x`, CODE.repeat(2621)]) {
      assert.equal(canonicalRecoveryCode(text), undefined);
    }
    assert.ok(performance.now() - begun < 1000);
  });
});
