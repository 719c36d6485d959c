import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkPassword, isPlausiblePassword, normalizedPassword, type Personal } from '../../src/core/password.ts';
import type { Policy, World } from '../../src/core/world.ts';

const policy: Policy = {
  signUp: 'open',
  passwordMinimum: 8,
  serviceName: 'Guichet',
  smsAvailable: true,
  isAllowedOrigin: () => false,
  requireVerifiedEmail: false,
  smsBudget: 100,
  rateLimits: true,
};
/** An adviser that knows no password: what is left are the policy's own rules. */
const world: Pick<World, 'passwordAdvice' | 'policy'> = { policy, passwordAdvice: { flawOf: async () => undefined } };
const nobody: Personal = { email: null, name: null, username: '' };
const jean: Personal = { email: 'jean.dupont@example.com', name: 'Jean-Luc Dupont', username: 'jeannot' };

const flawOf = (password: string, owner: Personal = nobody, minimum = 8): Promise<string | undefined> =>
  checkPassword({ ...world, policy: { ...policy, passwordMinimum: minimum } }, password, owner).then(
    () => undefined,
    ({ facts }) => facts.flaw,
  );

/** Text without a pattern, of so many code points. */
const text = (length: number, alphabet = 'kq7wzr2mvx9tbn4hdj'): string => {
  const letters = [...alphabet];
  return Array.from({ length }, (_, index) => letters[(index * 7 + (index >> 3)) % letters.length]).join('');
};
const emoji = (length: number): string => text(length, '🦊🎲🚲🌵🧭🪁🥁');

describe('the length of a password', () => {
  const lengths: readonly [name: string, password: string, flaw: string | undefined][] = [
    ['7 letters', text(7), 'too_short'],
    ['8 letters', text(8), undefined],
    ['64 letters', text(64), undefined],
    ['256 letters', text(256), undefined],
    ['7 emoji, which are 14 UTF-16 units', emoji(7), 'too_short'],
    ['8 emoji', emoji(8), undefined],
    ['64 emoji', emoji(64), undefined],
    ['256 emoji, which are 1,024 bytes', emoji(256), undefined],
    ['256 emoji and a letter, which are 1,025 bytes', `${emoji(256)}a`, 'too_long'],
    ['1,024 letters', text(1024), undefined],
    ['1,025 letters', text(1025), 'too_long'],
    ['60 KiB', text(60 * 1024), 'too_long'],
    ['7 letters whose accents are typed apart', 'e\u0301'.repeat(7), 'too_short'],
    ['8 spaces', ' '.repeat(8), undefined],
    ['nothing', '', 'too_short'],
  ];
  for (const [name, password, flaw] of lengths) {
    it(`${flaw ? `is ${flaw.replace('_', ' ')}` : 'is right'} at ${name}`, async () => {
      assert.equal(await flawOf(password), flaw);
    });
  }

  it('is what the settings say', async () => {
    assert.deepEqual(
      [await flawOf(text(14), nobody, 15), await flawOf(text(15), nobody, 15)],
      ['too_short', undefined],
    );
  });

  it('over the cap is refused before any work', async () => {
    const asked: string[] = [];
    const passwordAdvice = { flawOf: async (password: string) => void asked.push(password) };
    await checkPassword({ policy, passwordAdvice }, 'x'.repeat(60_000), nobody).catch(() => {});
    assert.deepEqual(asked, []);
  });
});

describe('the text of a password', () => {
  it('may hold any character that a keyboard gives', async () => {
    for (const password of [
      'пароль-для-меня',
      '  mit  Leerzeichen  ',
      'パスワード例文です',
      'tab\tand\nline',
      '"\'<>&;--\\',
    ]) {
      assert.equal(await flawOf(password), undefined, password);
    }
  });

  it('holds neither NUL nor half a surrogate pair', async () => {
    assert.deepEqual(
      [await flawOf('fine until\0here'), await flawOf('fine until\ud800here')],
      ['malformed', 'malformed'],
    );
  });

  it('is normalised to NFC and no further', () => {
    assert.equal(normalizedPassword('e\u0301'), '\u00e9');
    assert.equal(normalizedPassword('\ufb01 ① Ａ  A'), '\ufb01 ① Ａ  A');
  });

  it('is judged in the form it is hashed in', async () => {
    const judged: string[] = [];
    const passwordAdvice = { flawOf: async (password: string) => void judged.push(password) };
    await checkPassword({ policy, passwordAdvice }, 'cafe\u0301 cre\u0300me', nobody);
    assert.deepEqual(judged, ['caf\u00e9 cr\u00e8me']);
  });

  it('is plausible at sign-in whenever it could have been set', async () => {
    // Accents typed apart: 1,400 bytes as they come, 1,000 once composed.
    const typedApart = `${'e\u0301'.repeat(400)}${'a'.repeat(200)}`;
    assert.equal(await flawOf(typedApart), undefined);
    assert.equal(isPlausiblePassword(typedApart), true);
  });

  it('is not plausible at sign-in when it could never have been set', () => {
    assert.deepEqual([text(1025), 'a\0b', 'a\udc00b'].map(isPlausiblePassword), [false, false, false]);
  });
});

describe('a password made of the owner’s own words', () => {
  const personal = [
    'jean.dupont@example.com',
    'JEAN.DUPONT@EXAMPLE.COM',
    'xx jean.dupont@example.com xx',
    'jean.dupont',
    'Jean.Dupont1',
    'jean.dupont1234',
    'jean-luc dupont',
    'Jean-LucDupont',
    'jean-luc2024',
    'Dupont1983',
    'jeannot0',
    'JEANNOT1234',
    'guichet1',
    'Guichet2026',
  ];
  for (const password of personal) {
    it(`is refused: ${password}`, async () => {
      assert.equal(await flawOf(password, jean), 'personal');
    });
  }

  it('is refused in any normal form', async () => {
    assert.equal(await flawOf('Ame\u0301lie2024', { ...nobody, name: 'Am\u00e9lie' }), 'personal');
  });

  it('is fine when it only contains a word, or has five digits and more behind it', async () => {
    const fine = ['dupont-and-the-otter', 'my jean.dupont words', 'jean.dupont12345', '1jean.dupont'];
    assert.deepEqual(await Promise.all(fine.map((password) => flawOf(password, jean))), [
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('is fine when the word is somebody else’s', async () => {
    assert.equal(
      await flawOf('jean.dupont1', { ...nobody, name: 'Ada Lovelace', email: 'ada@example.com' }),
      undefined,
    );
  });
});
