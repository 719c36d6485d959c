import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';

type Opening = { after(undo: () => unknown): void };

/** DER: a tag, the length of what it holds, and that (X.690 §8.1). */
const der = (tag: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
};
const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts);
const ECDSA_WITH_SHA256 = sequence(der(0x06, Buffer.from('2a8648ce3d040302', 'hex')));

/** A certificate that nobody vouches for; the browser is told not to mind (RFC 5280 §4.1). */
function selfSigned(): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const commonName = der(0x06, Buffer.from('550403', 'hex'));
  const name = sequence(der(0x31, sequence(commonName, der(0x0c, Buffer.from('test')))));
  const at = (years: number): Buffer => der(0x18, Buffer.from(`${new Date().getUTCFullYear() + years}0101000000Z`));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ECDSA_WITH_SHA256,
    name,
    sequence(at(-1), at(2)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey));
  const base64 = sequence(body, ECDSA_WITH_SHA256, signature).toString('base64');
  return {
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  };
}

/**
 * A Chromium to which each host, over https and on its usual port, is what answers at an origin of this machine: it asks
 * the relying party's own domain for its related origins nowhere else (WebAuthn Level 3 §5.11.1).
 */
export async function openRelated(
  t: Opening,
  hosts: Record<string, string>,
): Promise<{ context: BrowserContext; asked: string[] }> {
  const asked: string[] = [];
  const front = createServer(selfSigned(), async (request, response) => {
    const { host = '' } = request.headers;
    asked.push(`${host}${request.url}`);
    const answer = await fetch(`${hosts[host]}${request.url}`);
    response.writeHead(answer.status, { 'Content-Type': answer.headers.get('content-type') ?? 'text/plain' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  }).listen(0, '127.0.0.1');
  await once(front, 'listening');
  const { port } = front.address() as AddressInfo;
  const browser = await chromium.launch({
    executablePath: process.env['TEST_CHROMIUM'] || inPath(),
    chromiumSandbox: false,
    args: [
      `--host-resolver-rules=${Object.keys(hosts).map((host) => `MAP ${host}:443 127.0.0.1:${port}`)},MAP localhost 127.0.0.1,MAP * ~NOTFOUND`,
      '--ignore-certificate-errors',
    ],
  });
  t.after(async () => {
    await browser.close();
    front.closeAllConnections();
    front.close();
  });
  return { context: await browser.newContext(), asked };
}

/** As `openBrowser` finds it. */
const inPath = (): string =>
  ['chromium', 'chromium-browser', 'google-chrome']
    .flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)))
    .find((path) => existsSync(path)) ?? 'chromium';
