import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canonicalEmail, countedIdentifier } from '../../src/core/identifier.ts';
import { phoneNumbers } from '../../src/phone/phones.ts';

const phones = phoneNumbers({ region: 'FR', countries: ['FR'] });
const counted = (text: string): string => countedIdentifier({ phones }, text);

const spellings: readonly [text: string, canonical: string][] = [
  ['ada@example.com', 'ada@example.com'],
  ['  Ada@Example.COM\t', 'ada@example.com'],
  ['ADA@EXAMPLE.COM', 'ada@example.com'],
  ['\u00a0ada@example.com\ufeff', 'ada@example.com'],
  ['Ada.Lovelace+guichet@example.com', 'ada.lovelace+guichet@example.com'],
  ["o'brien_{x}|y~z@example.com", "o'brien_{x}|y~z@example.com"],
  // IDNA: one domain however it is typed.
  ['ada@bücher.example', 'ada@xn--bcher-kva.example'],
  ['ada@BÜCHER.example', 'ada@xn--bcher-kva.example'],
  ['ada@bu\u0308cher.example', 'ada@xn--bcher-kva.example'],
  ['ada@XN--BCHER-KVA.example', 'ada@xn--bcher-kva.example'],
  ['ada@ｅｘample.com', 'ada@example.com'],
  ['ada@exam\ufe0fple.com', 'ada@example.com'],
  // NFC: the same letter from another keyboard.
  ['andre\u0301@example.com', 'andr\u00e9@example.com'],
  ['\u212aelvin@example.com', 'kelvin@example.com'],
  ['用户@例え.jp', '用户@xn--r8jz45g.jp'],
  ['x@a.b.c.d.e.example', 'x@a.b.c.d.e.example'],
];

/** Pairs that people and careless software take for one another. */
const strangers: readonly [one: string, other: string][] = [
  ['admin@example.com', 'adm\u0131n@example.com'], // dotless ı
  ['admin@example.com', 'adm\u0130n@example.com'], // dotted İ
  ['ada@example.com', 'ad\u0430@example.com'], // Cyrillic а
  ['ada@example.com', 'ada@ex\u0430mple.com'],
  ['ada@example.com', 'ａda@example.com'], // full-width a in the local part: no NFKC
  ['strasse@example.com', 'stra\u00dfe@example.com'],
  ['ada@strasse.de', 'ada@stra\u00dfe.de'],
  ['ada@istanbul.com', 'ada@\u0131stanbul.com'],
  ['ada@istanbul.com', 'ada@\u0130stanbul.com'],
  ['office@example.com', 'o\ufb03ce@example.com'], // ligature ffi
  ['\u00e9ve@example.com', '\u00c9ve@example.com'], // only ASCII letters fold (rule 6)
  ['ada@example.com', 'ada+x@example.com'],
  ['ada@example.com', 'a.da@example.com'],
  ['ada@example.com', 'ada\u3164@example.com'], // Hangul filler
  ['ada@example.com', 'ada@example.co'],
];

const noAddresses: readonly string[] = [
  '',
  ' ',
  '@',
  'ada',
  'ada@',
  '@example.com',
  'ada@example',
  'ada@@example.com',
  'ada@example.com@example.com',
  'ada＠example.com',
  'ada@example.com, eve@example.com',
  'ada@example.com\r\nBcc: eve@example.com',
  'Ada <ada@example.com>',
  '"ada"@example.com',
  'a da@example.com',
  '.ada@example.com',
  'ada.@example.com',
  'a..da@example.com',
  'ada@.example.com',
  'ada@example.com.',
  'ada@example..com',
  'ada@-example.com',
  'ada@example-.com',
  'ada@exa_mple.com',
  'ada@example。com',
  'ada@127.0.0.1',
  'ada@127.1',
  'ada@0x7f.1',
  'ada@[127.0.0.1]',
  'ada@[::1]',
  'ada@example.com:25',
  'ada@example.com/path',
  'ada@user:pass@example.com',
  'ada@example.com?x',
  'ada@example.com#x',
  'ada@%65xample.com',
  'ada@example.123',
  'ada@℀.com',
  'ada\0@example.com',
  'ada@exa\0mple.com',
  'ada\u202e@example.com',
  'ada\u200b@example.com',
  'ada@exa\u00admple.com',
  'ada\ud800@example.com',
  'ada@exam\udfffple.com',
  'ada\u2028@example.com',
  'mailto:ada@example.com',
  '__proto__',
  '../../etc/passwd',
  "' or 1=1 --",
];

describe('the canonical form of an e-mail address', () => {
  for (const [text, canonical] of spellings) {
    it(`makes ${JSON.stringify(text)} ${canonical}`, () => {
      assert.equal(canonicalEmail(text), canonical);
    });
  }

  it('takes no two addresses that only look alike for one', () => {
    const met = strangers.filter(([one, other]) => {
      const [first, second] = [canonicalEmail(one), canonicalEmail(other)];
      return first === second;
    });
    assert.deepEqual(met, []);
  });

  it('refuses what no mail could be sent to', () => {
    assert.deepEqual(
      noAddresses.filter((text) => canonicalEmail(text) !== undefined),
      [],
    );
  });

  it('is its own canonical form, so that a stored address is found by its own text', () => {
    // Upper-case letters with marks that only compose once they are lower-case (H̱, J̌, T̈, W̊, Y̊).
    const awkward = ['H\u0331', 'J\u030c', 'T\u0308', 'W\u030a', 'Y\u030a', 'A\u030a', '\u212b', '\u1fef'].map(
      (letter) => `${letter}ans@example.com`,
    );
    const all = [...spellings.map(([text]) => text), ...awkward];
    const unstable = all.filter((text) => {
      const once = canonicalEmail(text);
      return once === undefined || canonicalEmail(once) !== once;
    });
    assert.deepEqual(unstable, []);
  });

  it('takes 64 octets of local part and no more, however many letters they make', () => {
    const lengths = ['a'.repeat(64), 'a'.repeat(65), 'é'.repeat(32), `${'é'.repeat(32)}a`].map(
      (local) => canonicalEmail(`${local}@example.com`) !== undefined,
    );
    assert.deepEqual(lengths, [true, false, true, false]);
  });

  it('takes 254 octets of address and no more, counted in the form that is mailed', () => {
    const local = 'a'.repeat(64);
    const label = 'b'.repeat(63);
    const of = (last: number) => `${local}@${label}.${label}.${'c'.repeat(last)}`;
    assert.equal(of(61).length, 254);
    const wide = `${local}@${'ü'.repeat(50)}.${'ü'.repeat(50)}.${'ü'.repeat(50)}.example`;
    assert.deepEqual(
      [of(61), of(62), wide].map((text) => canonicalEmail(text) !== undefined),
      [true, false, canonicalEmail(wide) !== undefined],
    );
    assert.ok(Buffer.byteLength(canonicalEmail(wide) ?? '') <= 254);
  });

  it('judges hostile texts in no time', () => {
    const hostile = [
      `a@${'a.'.repeat(32_768)}`,
      `${'a.'.repeat(32_768)}@example.com`,
      '@'.repeat(65_536),
      `${'a'.repeat(65_536)}@example.com`,
      `a@${'a-'.repeat(32_768)}`,
      `${'!'.repeat(250)}`,
      `${'a.'.repeat(120)}!@x`,
      ' '.repeat(65_536),
    ];
    const slow = hostile.filter((text) => {
      const begun = performance.now();
      canonicalEmail(text);
      counted(text);
      return performance.now() - begun > 1000;
    });
    assert.deepEqual(slow, []);
  });
});

describe('what failures are counted under', () => {
  it('is one for all spellings of an address', () => {
    const keys = new Set(['ada@example.com', ' ADA@example.COM ', 'ada@ｅxample.com'].map(counted));
    assert.deepEqual([...keys], ['ada@example.com']);
  });

  it('is one for all spellings of a text that is no address', () => {
    const keys = new Set(['Ada Lovelace', '  ada LOVELACE '].map(counted));
    assert.deepEqual([...keys], ['ada lovelace']);
  });

  it('is never longer than an address', () => {
    assert.ok(counted('x'.repeat(60_000)).length <= 254);
  });
});
