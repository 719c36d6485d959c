import assert from 'node:assert/strict';
import { it } from 'node:test';
import { userAgentLabel } from '../../src/delivery/user-agent-label.ts';

// biome-ignore format: a table
const LABELS: readonly [string | null, string][] = [
  ['Mozilla/5.0 (X11; Linux x86_64; rv:138.0) Gecko/20100101 Firefox/138.0', 'Firefox on Linux'],
  ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36', 'Chrome on Windows'],
  ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36 Edg/136.0.0.0', 'Edge on Windows'],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15', 'Safari on macOS'],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Mobile/15E148 Safari/604.1', 'Safari on iPhone'],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/136.0 Mobile/15E148 Safari/604.1', 'Chrome on iPhone'],
  ['Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Mobile Safari/537.36', 'Chrome on Android'],
  ['Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36', 'Samsung Internet on Android'],
  ['Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36 OPR/120.0', 'Opera on ChromeOS'],
  ['okhttp/4.12.0', 'okhttp'],
  ['curl/8.9.1', 'curl'],
  ['Dalvik/2.1.0 (Linux; U; Android 14)', 'Browser on Android'],
  ['Mozilla/5.0', 'unknown'],
  ['"><img src=x>', 'unknown'],
  ['', 'unknown'],
  [null, 'unknown'],
];

for (const [userAgent, label] of LABELS) {
  it(`calls ${userAgent?.slice(0, 60) ?? 'nothing'} "${label}"`, () =>
    assert.equal(userAgentLabel(userAgent, 'en'), label));
}

it('speaks French', () => {
  assert.equal(
    userAgentLabel('Mozilla/5.0 (X11; Linux x86_64; rv:138.0) Gecko/20100101 Firefox/138.0', 'fr'),
    'Firefox sur Linux',
  );
  assert.equal(userAgentLabel(null, 'fr'), 'inconnu');
});

it('takes no longer for a hostile one', () => {
  const started = performance.now();
  userAgentLabel(`Version/${'1.'.repeat(100_000)}`, 'en');
  assert.ok(performance.now() - started < 1000);
});
