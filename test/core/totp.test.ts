import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { encodeBase32 } from '../../src/core/base32.ts';
import { seconds } from '../../src/core/time.ts';
import { makeTotpSecret, otpauthUri, stepAt, stepOfCode, totpAt } from '../../src/core/totp.ts';

const world = { random: { bytes: (length: number) => randomBytes(length), uuid: () => randomUUID() } };
/** The secret of both RFCs' vectors, "12345678901234567890". */
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const NOON = Date.UTC(2026, 2, 5, 12);
const STEP = stepAt(NOON);

/** RFC 6238, appendix B, the SHA-1 rows. */
const rfc6238: readonly [second: number, code: string][] = [
  [59, '94287082'],
  [1111111109, '07081804'],
  [1111111111, '14050471'],
  [1234567890, '89005924'],
  [2000000000, '69279037'],
  [20000000000, '65353130'],
];
/** RFC 4226, appendix D: counters 0 to 9. */
const rfc4226 = '755224 287082 359152 969429 338314 254676 287922 162583 399871 520489'.split(' ');

describe('a TOTP secret', () => {
  it('is 160 bits, in 32 characters of base32 without padding', () => {
    assert.match(makeTotpSecret(world), /^[A-Z2-7]{32}$/);
  });

  it('is a new one each time', () => {
    assert.equal(new Set(Array.from({ length: 10_000 }, () => makeTotpSecret(world))).size, 10_000);
  });
});

describe('the code of a time step', () => {
  it('is the one of RFC 6238', () => {
    assert.equal(SECRET, encodeBase32(Buffer.from('12345678901234567890')));
    for (const [second, code] of rfc6238) {
      assert.equal(totpAt(SECRET, stepAt(seconds(second)), 8), code);
      assert.equal(totpAt(SECRET, stepAt(seconds(second))), code.slice(2));
    }
  });

  it('is the one of RFC 4226', () => {
    assert.deepEqual(
      rfc4226.map((_, counter) => totpAt(SECRET, counter)),
      rfc4226,
    );
  });

  it('lasts 30 seconds by the clock', () => {
    assert.deepEqual([0, 29_999, 30_000, NOON - 1, NOON].map(stepAt), [0, 0, 1, STEP - 1, STEP]);
  });

  it('is asked of base32 alone: a damaged secret is a fault, not a wrong code', () => {
    for (const secret of ['JBSWY3DPEBLW64TMMQ======', SECRET.toLowerCase(), `${SECRET}0`]) {
      assert.throws(() => totpAt(secret, STEP), { message: 'a TOTP secret is not base32' });
    }
  });
});

describe('the step of a code', () => {
  it('is the one before, the present or the next (R042)', () => {
    for (const distance of [-1, 0, 1]) {
      assert.equal(stepOfCode(SECRET, totpAt(SECRET, STEP + distance), NOON), STEP + distance);
      assert.equal(stepOfCode(SECRET, totpAt(SECRET, STEP + distance), NOON + 29_999), STEP + distance);
    }
  });

  it('is none for a code two steps away or more', () => {
    for (const distance of [-2880, -3, -2, 2, 3, 2880]) {
      assert.equal(stepOfCode(SECRET, totpAt(SECRET, STEP + distance), NOON), undefined);
    }
  });

  it('is the newest where several have the same code', () => {
    // Found by search: these steps of the vectors' secret share their code with the one before, or the one before that.
    for (const [now, step, code] of [
      [910_737, 910_738, '911617'],
      [910_738, 910_738, '911617'],
      [153_568, 153_569, '468457'],
    ] as const) {
      assert.equal(stepOfCode(SECRET, code, seconds(now * 30)), step);
    }
  });

  it('is none for what is not exactly six ASCII digits (R047)', () => {
    const code = totpAt(SECRET, STEP);
    const fullWidth = code.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
    const others: readonly unknown[] = [
      ...['', ' ', '000000', ` ${code}`, `${code} `, `${code}\n`, `${code.slice(0, 3)} ${code.slice(3)}`],
      ...[code.slice(1), code.slice(0, 5), `0${code}`, `${code}0`, `+${code}`, `${code}\0`, fullWidth],
      ...[Number(code), BigInt(code), [code], { code }, Buffer.from(code), new String(code), null, undefined, true],
    ];
    for (const other of others) assert.equal(stepOfCode(SECRET, other as string, NOON), undefined);
  });

  it('keeps the zeros that a code begins with', () => {
    // At 1111111109 s the code is 081804.
    const then = seconds(1111111109);
    assert.equal(stepOfCode(SECRET, '081804', then), stepAt(then));
    for (const other of ['81804', 81804 as never]) assert.equal(stepOfCode(SECRET, other, then), undefined);
  });
});

describe('the otpauth URI', () => {
  it('says all that an app may ask for', () => {
    assert.equal(
      otpauthUri({ secret: SECRET, issuer: 'Guichet', label: 'ada@example.com' }),
      `otpauth://totp/Guichet:ada%40example.com?secret=${SECRET}&issuer=Guichet&algorithm=SHA1&digits=6&period=30`,
    );
  });

  it('is read back to the same names by a URL parser, whatever they hold', () => {
    for (const issuer of ['Île & Co? #1 100% +/"\\', '認証 🦊', "L'Œuvre"]) {
      const label = "o'brien+x&y=z#?%2F@bücher.example";
      const uri = new URL(otpauthUri({ secret: SECRET, issuer, label }));
      assert.deepEqual(uri.pathname.split(':').map(decodeURIComponent), [`/${issuer}`, label]);
      assert.equal(uri.searchParams.get('issuer'), issuer);
      assert.equal(uri.searchParams.size, 5);
      assert.doesNotMatch(uri.search, /\+/);
    }
  });

  it('leaves out the colons of a name, where an app would cut it', () => {
    const uri = otpauthUri({ secret: SECRET, issuer: 'Acme: Portal', label: 'tel:+33612345678' });
    assert.match(uri, /^otpauth:\/\/totp\/Acme%20Portal:tel%2B33612345678\?.*&issuer=Acme%20Portal&/);
  });
});

const noOathtool = spawnSync('oathtool', ['--version']).error && 'oathtool is not installed (Debian package oathtool)';

describe('oathtool', { skip: noOathtool ?? false }, () => {
  /** Codes of each secret from the step of this second on; a single shell spares a thousand starts from here. */
  function codes(secrets: readonly string[], second: number, options: string): string[][] {
    const script = `while read -r secret; do oathtool --totp --base32 ${options} --now @${second} "$secret" || exit; echo; done`;
    const { status, stderr, stdout } = spawnSync('sh', ['-c', script], {
      input: `${secrets.join('\n')}\n`,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    return stdout
      .trim()
      .split('\n\n')
      .map((lines) => lines.split('\n'));
  }

  it('gives the codes of the vectors', () => {
    for (const [second, code] of rfc6238) assert.deepEqual(codes([SECRET], second, '--digits 8'), [[code]]);
  });

  it('gives the codes of a thousand secrets, three steps each', () => {
    const secrets = Array.from({ length: 1000 }, () => makeTotpSecret(world));
    assert.deepEqual(
      codes(secrets, NOON / 1000, '--window 2'),
      secrets.map((secret) => [0, 1, 2].map((distance) => totpAt(secret, STEP + distance))),
    );
  });
});
