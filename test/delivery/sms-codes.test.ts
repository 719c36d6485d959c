import assert from 'node:assert/strict';
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Body } from '../contracts/device/answers.ts';
import { sqliteFile } from '../support/databases.ts';
import { startServer } from '../support/running-server.ts';
import { PASSWORD } from '../support/stage.ts';
import { SECRET } from '../support/world.ts';

const KEY = randomBytes(32);
const SID = 'AC0123456789abcdef0123456789abcdef';
const TOKEN = 'a token of Twilio’s';
const FROM = '+33700000000';

interface Request {
  path: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A provider of SMS that takes everything; while it is told to be slow it says so to nobody. */
async function openProvider(t: TestContext) {
  const received: Request[] = [];
  const waiting: (() => void)[] = [];
  let pause: Promise<void> | undefined;
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    received.push({ path: incoming.url, headers: incoming.headers, body: Buffer.concat(chunks).toString() });
    for (const wake of waiting.splice(0)) wake();
    await pause;
    response.writeHead(201, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    /** The next that was not taken yet. */
    async next(): Promise<Request> {
      while (received.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      return received.shift() as Request;
    },
    /** Keeps everybody waiting for its yes. @returns what ends that */
    holdUp(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      pause = promise;
      return () => {
        pause = undefined;
        resolve();
      };
    },
  };
}

/** A server in a process of its own, and somebody's app before it. */
async function openApp(t: TestContext, env: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'guichet-sms-'));
  const server = await startServer({
    GUICHET_DATA_DIR: folder,
    GUICHET_DATABASE_URL: `sqlite:${await sqliteFile(folder)}`,
    GUICHET_DURABILITY: 'normal',
    GUICHET_SECRET: SECRET,
    ...env,
  });
  t.after(async () => {
    await server.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  let accessToken: string | undefined;
  return async (path: string, body: object, status: number): Promise<Body> => {
    const response = await fetch(`http://127.0.0.1:${server.port}/api/v1/auth${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` }),
      },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as Body;
    assert.deepEqual([response.status, answer.status], [status, status], JSON.stringify(answer));
    if (answer.access_token) accessToken = answer.access_token;
    return answer;
  };
}

interface Sms {
  to: string;
  text: string;
}

/** Reads a request as the specification of Standard Webhooks tells a receiver to. */
function readWebhook({ body, headers, path }: Request): Sms {
  assert.equal(path, '/hooks/sms?tenant=7');
  assert.equal(headers['content-type'], 'application/json');
  const [id, timestamp, signature] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(
    (name) => headers[name],
  );
  assert.ok(Math.abs(Date.now() / 1000 - Number(timestamp)) < 300);
  const expected = createHmac('sha256', KEY).update(`${id}.${timestamp}.${body}`).digest();
  const [version, given = ''] = String(signature).split(',');
  assert.equal(version, 'v1');
  assert.ok(timingSafeEqual(Buffer.from(given, 'base64'), expected));
  const { data, timestamp: madeAt, type, ...more } = JSON.parse(body);
  assert.ok(Math.abs(Date.now() - Date.parse(madeAt)) < 60_000);
  assert.deepEqual([type, more, data.id, data.locale], ['sms', {}, id, 'fr']);
  return { to: data.to, text: data.text };
}

function readTwilio({ body, headers, path }: Request): Sms {
  assert.equal(path, `/2010-04-01/Accounts/${SID}/Messages.json`);
  assert.equal(headers['content-type'], 'application/x-www-form-urlencoded');
  assert.equal(headers.authorization, `Basic ${Buffer.from(`${SID}:${TOKEN}`).toString('base64')}`);
  const { Body: text = '', From: from, To: to = '', ...more } = Object.fromEntries(new URLSearchParams(body));
  assert.deepEqual([from, more], [FROM, {}]);
  return { to, text };
}

const PROVIDERS: readonly {
  name: string;
  env(url: string): Record<string, string>;
  read(request: Request): Sms;
}[] = [
  {
    name: 'a signed webhook',
    env: (url) => ({
      GUICHET_SMS_URL: `${url}/hooks/sms?tenant=7`,
      GUICHET_SMS_SECRET: `whsec_${KEY.toString('base64')}`,
    }),
    read: readWebhook,
  },
  {
    name: 'Twilio',
    env: (url) => ({
      GUICHET_SMS_URL: `twilio://${SID}:${encodeURIComponent(TOKEN)}@${FROM}`,
      GUICHET_TWILIO_API_URL: url,
    }),
    read: readTwilio,
  },
];

const PHONE = '+33612345678';

describe('codes by SMS from a running server', () => {
  for (const { env, name, read } of PROVIDERS) {
    it(`go through ${name}, and complete a sign-up and a sign-in that wait for no provider`, async (t) => {
      const provider = await openProvider(t);
      const post = await openApp(t, env(provider.url));
      const code = async (words: RegExp): Promise<string> => {
        const { text, to } = read(await provider.next());
        assert.equal(to, PHONE);
        const [, digits = ''] = words.exec(text) ?? [];
        assert.match(digits, /^\d{6}$/, text);
        return digits;
      };

      await post('/register', { phone: '06 12 34 56 78', password: PASSWORD }, 201);
      const otp = await code(/^(\d{6}) : le code pour confirmer votre compte Guichet/);
      await post('/confirm', { identifier: PHONE, otp }, 200);
      const { account } = await post('/login', { identifier: PHONE, password: PASSWORD }, 200);
      await post('/2fa/enable', { channel: 'sms', password: PASSWORD }, 200);
      await post('/2fa/confirm', { otp: await code(/^(\d{6}) : /) }, 200);

      // Its yes comes after all is done: no answer has waited for it.
      const goOn = provider.holdUp();
      const due = await post('/login', { identifier: PHONE, password: PASSWORD }, 202);
      const { challenge } = due;
      const message = 'Un code OTP de 6 chiffres a été envoyé.';
      assert.deepEqual(due, { status: 202, two_factor_required: true, channel: 'sms', challenge, message });
      const signIn = await code(/^(\d{6}) : votre code de connexion Guichet, valable 10 minutes\./);
      const signedIn = await post('/2fa/verify', { identifier: PHONE, challenge, otp: signIn }, 200);
      assert.equal(signedIn.account?.uuid, account?.uuid);
      await post('/2fa/verify', { identifier: PHONE, challenge, otp: signIn }, 401);
      goOn();
      assert.deepEqual(provider.received, []);
    });
  }
});
