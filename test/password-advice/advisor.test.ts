import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { PasswordAdvisor } from '../../src/password-advice/advisor.ts';

const advisor = new PasswordAdvisor();
after(() => advisor.close());

describe('the advice on a password', () => {
  it('lets the documents’ own samples pass', async () => {
    const samples = [
      'SecurePassword123',
      'SecurePassword123!',
      'SecurePass123!',
      'NewSecurePassword123!',
      'NewSecurePass123!',
    ];
    assert.deepEqual(
      await Promise.all(samples.map((sample) => advisor.flawOf(sample, []))),
      samples.map(() => undefined),
    );
  });

  it('calls the commonest common', async () => {
    const common = [
      'password',
      'password123',
      '12345678',
      '123456789',
      'iloveyou',
      'PASSWORD1',
      'qwertyuiop',
      'sunshine',
    ];
    assert.deepEqual(
      await Promise.all(common.map((password) => advisor.flawOf(password, []))),
      common.map(() => 'common'),
    );
  });

  it('calls guessable what a pattern gives away', async () => {
    const patterns = [
      'xyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxyxy',
      'abcdefghijklmnopq',
      '123456781234567812345678',
      'zxcvbnmzxcvbnmzxcvbnmzxcvbnm',
    ];
    assert.deepEqual(
      await Promise.all(patterns.map((password) => advisor.flawOf(password, []))),
      patterns.map(() => 'guessable'),
    );
  });

  it('counts the owner’s words as known to an attacker', async () => {
    const password = 'wolfeschlegelstein!';
    assert.equal(await advisor.flawOf(password, []), undefined);
    assert.equal(await advisor.flawOf(password, ['wolfeschlegelstein']), 'guessable');
  });

  it('asks for no mix of characters', async () => {
    const plain = [
      'violet hammock drift',
      'zqkvmwtrplxjdnh',
      'granit loutre parade',
      '🦊🎲🚲🌵🧭🪁🥁🛶',
      'kq7wzr2m',
      '83650172946',
    ];
    assert.deepEqual(
      await Promise.all(plain.map((password) => advisor.flawOf(password, []))),
      plain.map(() => undefined),
    );
  });

  it('judges passwords of 1,024 bytes, however their parts repeat', async () => {
    const long = ['ab'.repeat(512), 'a1!'.repeat(341), '🦊'.repeat(256), 'passwordpasswort'.repeat(64)];
    const flaws = await Promise.all(long.map((password) => advisor.flawOf(password, [password.slice(0, 100)])));
    assert.deepEqual(flaws, ['guessable', 'guessable', 'guessable', undefined]);
  });

  it('refuses what it cannot judge in time, and goes on', async () => {
    const asked = Array.from({ length: 300 }, async () => advisor.flawOf('violet hammock drift', []));
    const answers = await Promise.allSettled(asked);
    const refused = answers.filter(({ status }) => status === 'rejected');
    assert.ok(refused.length >= 44, `${refused.length}`);
    assert.equal(await advisor.flawOf('violet hammock drift', []), undefined);
  });

  it('leaves nobody waiting when it is closed, and answers again afterwards', async () => {
    const own = new PasswordAdvisor();
    const asked = own.flawOf('violet hammock drift', []).then(
      () => 'answered',
      () => 'refused',
    );
    await own.close();
    const ending = await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 100, 'left waiting'))]);
    assert.equal(await own.flawOf('password', []), 'common');
    await own.close();
    assert.notEqual(ending, 'left waiting');
  });
});
