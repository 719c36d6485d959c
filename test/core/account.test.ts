import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { splitName, usernameBase } from '../../src/core/account.ts';

describe('the names of an account', () => {
  const names: readonly [name: string | null, firstName: string, lastName: string][] = [
    ['Ada Lovelace', 'Ada', 'Lovelace'],
    ['Ada King, Countess of Lovelace', 'Ada', 'King, Countess of Lovelace'],
    ['  Ada \t Lovelace\n', 'Ada', 'Lovelace'],
    ['Ada\u00a0Lovelace', 'Ada', 'Lovelace'],
    ['Ada', 'Ada', ''],
    ['', '', ''],
    ['   ', '', ''],
    [null, '', ''],
  ];
  for (const [name, firstName, lastName] of names) {
    it(`are "${firstName}" and "${lastName}" for ${JSON.stringify(name)}`, () => {
      assert.deepEqual(splitName(name), { firstName, lastName });
    });
  }
});

describe('the user name that nobody chose', () => {
  it('is the local part of the address', () => {
    assert.equal(usernameBase('ada.lovelace@example.com'), 'ada.lovelace');
  });

  it('is "user" without an address', () => {
    assert.equal(usernameBase(null), 'user');
  });
});
