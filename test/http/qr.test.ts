import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { otpauthUri } from '../../src/core/totp.ts';
import { qrDataUrl } from '../../src/http/qr.ts';

const START = 'data:image/png;base64,';
const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';

describe('a QR code', () => {
  it('is a PNG in a data URL, the same for the same text', async () => {
    const url = await qrDataUrl('Guichet');
    assert.ok(url.startsWith(START));
    const png = Buffer.from(url.slice(START.length), 'base64');
    assert.equal(png.toString('base64'), url.slice(START.length));
    assert.equal(png.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
    assert.equal(await qrDataUrl('Guichet'), url);
  });
});

const noZbar = spawnSync('zbarimg', ['--version']).error && 'zbarimg is not installed (Debian package zbar-tools)';

describe('a scanned QR code', { skip: noZbar ?? false }, () => {
  /** What a camera reads. */
  function scan(url: string): string {
    const folder = mkdtempSync(join(tmpdir(), 'guichet-qr-'));
    try {
      const file = join(folder, 'qr.png');
      writeFileSync(file, url.slice(START.length), 'base64');
      const { status, stderr, stdout } = spawnSync('zbarimg', ['--quiet', '--raw', file], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      return stdout.replace(/\n$/, '');
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  const longest = `${'a'.repeat(64)}@${`${'b'.repeat(61)}.`.repeat(3)}io`;
  for (const [issuer, label] of [
    ['Guichet', 'ada@example.com'],
    ['Guichet', '+33612345678'],
    ['Île & Co? 認証 🦊', "o'brien+x@xn--bcher-kva.example"],
    ['Œ'.repeat(60), longest],
  ] as const) {
    it(`leads an app to ${issuer.slice(0, 20)} and ${label.slice(0, 20)} (R041)`, async () => {
      const uri = otpauthUri({ secret, issuer, label });
      assert.equal(scan(await qrDataUrl(uri)), uri);
    });
  }
});
