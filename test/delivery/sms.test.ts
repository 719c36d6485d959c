import assert from 'node:assert/strict';
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type Delivery, DeliveryFailure, type RenderedMessage } from '../../src/delivery/delivery.ts';
import { channelDelivery, smsDelivery } from '../../src/delivery/sms.ts';
import { smsWebhook } from '../../src/delivery/sms-webhook.ts';
import { twilio } from '../../src/delivery/twilio.ts';
import { twilioAccount } from '../../src/delivery/twilio-url.ts';
import { NOON, rendered, stillClock } from './mail-world.ts';

const KEY = randomBytes(32);
const SECRET = `whsec_${KEY.toString('base64')}`;
const TOKEN = 'canary-token';
const SID = 'AC0123456789abcdef0123456789abcdef';

const sms = (change: Partial<RenderedMessage> = {}): RenderedMessage =>
  rendered({
    channel: 'sms',
    to: '+33612345678',
    locale: 'fr',
    subject: '',
    text: '004815 : votre code & « canary »',
    html: null,
    code: '004815',
    ...change,
  });

interface Request {
  method: string | undefined;
  path: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A provider on a port of its own that answers as it is told. */
async function provider(t: TestContext, answer: (response: ServerResponse, request: Request) => void) {
  const received: Request[] = [];
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { method, url: path, headers } = incoming;
    const request = { method, path, headers, body: Buffer.concat(chunks).toString() };
    received.push(request);
    answer(response, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

const status =
  (code: number, body = '', headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(code, headers).end(body);

interface Way {
  name: string;
  to(url: string, milliseconds?: number): Delivery;
}

const WAYS: readonly Way[] = [
  {
    name: 'the SMS webhook',
    to: (url, milliseconds = 5000) =>
      smsWebhook({ url: `${url}/sms?canary`, secret: SECRET, clock: stillClock(), milliseconds }),
  },
  {
    name: 'the Twilio delivery',
    to: (baseUrl, milliseconds = 5000) =>
      twilio({ accountSid: SID, token: TOKEN, from: '+33700000000', baseUrl, milliseconds }),
  },
];

/** The failure of one sending; it never tells a secret, a number or a word of the message. */
async function failureOf(delivery: Delivery, message = sms()): Promise<DeliveryFailure> {
  const failure = await delivery.send(message).then(
    () => assert.fail('it was taken'),
    (error: unknown) => error,
  );
  assert.ok(failure instanceof DeliveryFailure, String(failure));
  const told = JSON.stringify([failure.message, failure.cause, failure.stack]);
  for (const secret of ['canary', KEY.toString('base64'), '33612345678', '004815', '33700000000', 'Basic ']) {
    assert.ok(!told.includes(secret), told);
  }
  return failure;
}

/** As the specification of Standard Webhooks tells a receiver to. */
function verify({ headers, body }: Request, key: Buffer, now: number): void {
  const one = (name: string): string => {
    const value = headers[name];
    assert.ok(typeof value === 'string', name);
    return value;
  };
  const timestamp = one('webhook-timestamp');
  assert.match(timestamp, /^\d{10}$/);
  assert.ok(Math.abs(now / 1000 - Number(timestamp)) < 300);
  const expected = createHmac('sha256', key)
    .update(`${one('webhook-id')}.${timestamp}.${body}`)
    .digest();
  const [version, signature = ''] = one('webhook-signature').split(',');
  assert.equal(version, 'v1');
  assert.ok(timingSafeEqual(Buffer.from(signature, 'base64'), expected));
}

for (const { name, to } of WAYS) {
  describe(name, () => {
    it('takes any 2xx for a yes, whatever comes with it', async (t) => {
      for (const answer of [status(200, 'ok'), status(201, '{"sid":"SM1"}'), status(202), status(204)]) {
        const { url, received } = await provider(t, answer);
        await to(url).send(sms());
        assert.equal(received.length, 1);
      }
    });

    it('reads 64 KiB of an answer, and no more', async (t) => {
      for (const code of [200, 400]) {
        let written = 0;
        const closed = Promise.withResolvers<void>();
        const { url } = await provider(t, (response) => {
          response.writeHead(code);
          response.on('close', closed.resolve);
          const piece = Buffer.alloc(64 * 1024, 'canary ');
          const pour = (): void => {
            while (!response.destroyed) {
              written += piece.length;
              if (!response.write(piece)) return void response.once('drain', pour);
            }
          };
          pour();
        });
        if (code === 200) await to(url).send(sms());
        else assert.equal((await failureOf(to(url))).permanent, true);
        await closed.promise;
        assert.ok(written < 64 * 1024 * 1024, `${written} bytes`);
      }
    });

    it('tells what is wrong for good from what may pass', async (t) => {
      const permanent = [400, 402, 404, 405, 409, 410, 413, 418, 422, 451];
      const temporary = [301, 304, 401, 403, 408, 425, 429, 500, 501, 502, 503, 504, 529];
      for (const code of [...permanent, ...temporary]) {
        const body = code === 304 ? '' : 'canary +33612345678';
        const { url } = await provider(t, status(code, body));
        const failure = await failureOf(to(url));
        assert.equal(failure.permanent, permanent.includes(code), String(code));
        assert.match(failure.message, new RegExp(`: HTTP ${code}$`));
      }
    });

    it('follows no redirect', async (t) => {
      const elsewhere = await provider(t, status(200));
      for (const code of [301, 302, 303, 307, 308]) {
        const { url } = await provider(t, status(code, '', { location: `${elsewhere.url}/canary` }));
        assert.equal((await failureOf(to(url))).permanent, false);
      }
      assert.equal(elsewhere.received.length, 0);
    });

    it('gives a provider that says nothing only so much time', async (t) => {
      const { url } = await provider(t, () => {});
      const failure = await failureOf(to(url, 50));
      assert.equal(failure.permanent, false);
      assert.match(failure.message, /: no answer in time$/);
    });

    it('gives a provider that drips only so much time, and keeps the yes it began with', async (t) => {
      const drip = (code: number) => (response: ServerResponse) => {
        response.writeHead(code);
        const timer = setInterval(() => response.write('.'), 5);
        response.on('close', () => clearInterval(timer));
      };
      const start = performance.now();
      await to((await provider(t, drip(200))).url, 60).send(sms());
      assert.equal((await failureOf(to((await provider(t, drip(503))).url, 60))).permanent, false);
      assert.ok(performance.now() - start < 2000);
    });

    it('calls a provider that is not there, or hangs up, a passing trouble', async (t) => {
      const { url } = await provider(t, (response) => response.socket?.destroy());
      assert.equal((await failureOf(to(url))).permanent, false);
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      await new Promise((resolve) => server.close(resolve));
      const failure = await failureOf(to(`http://127.0.0.1:${port}`));
      assert.equal(failure.permanent, false);
      assert.match(failure.message, /: ECONNREFUSED$/);
    });

    it('sends to nothing but one number', async (t) => {
      const { url, received } = await provider(t, status(200));
      const wrong = [
        '0612345678',
        '+33612345678,+33712345678',
        '+33612345678\r\nX: y',
        'client:eve',
        'whatsapp:+33612345678',
        '',
      ];
      for (const number of wrong) {
        const failure = await failureOf(to(url), sms({ to: number }));
        assert.deepEqual([failure.permanent, /client|whatsapp/.test(failure.message)], [true, false]);
      }
      assert.equal(received.length, 0);
    });
  });
}

describe('the SMS webhook', () => {
  it('is called with JSON that a receiver can verify', async (t) => {
    const { url, received } = await provider(t, status(204));
    const clock = stillClock(NOON + 90_000);
    await smsWebhook({ url: `${url}/sms?tenant=7`, secret: SECRET, clock }).send(sms());

    const [request] = received;
    assert.ok(request);
    verify(request, KEY, clock.now());
    assert.deepEqual(
      [request.method, request.path, request.headers['content-type'], request.headers['webhook-id']],
      ['POST', '/sms?tenant=7', 'application/json', '7b1f'],
    );
    assert.deepEqual(JSON.parse(request.body), {
      type: 'sms',
      timestamp: '2026-03-05T12:00:00.042Z',
      data: { id: '7b1f', to: '+33612345678', text: '004815 : votre code & « canary »', locale: 'fr' },
    });
    assert.throws(() => verify({ ...request, body: request.body.replace('004815', '004816') }, KEY, clock.now()));
    assert.throws(() => verify(request, randomBytes(32), clock.now()));
  });

  it('repeats a message under the same id and body, with the time and signature of the new attempt', async (t) => {
    const { url, received } = await provider(t, status(204));
    const clock = stillClock();
    const delivery = smsWebhook({ url, secret: SECRET, clock });
    await delivery.send(sms());
    clock.advance(600_000);
    await delivery.send(sms());

    const [first, second] = received;
    assert.ok(first && second);
    verify(second, KEY, clock.now());
    assert.deepEqual([first.headers['webhook-id'], first.body], [second.headers['webhook-id'], second.body]);
    assert.notEqual(first.headers['webhook-signature'], second.headers['webhook-signature']);
  });

  it('signs as the specification’s own example does', async (t) => {
    const { url, received } = await provider(t, status(204));
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    await smsWebhook({ url, secret, clock: stillClock() }).send(sms());
    assert.ok(received[0]);
    verify(received[0], Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64'), NOON);
  });
});

describe('the Twilio delivery', () => {
  it('posts a form with basic authentication', async (t) => {
    const { url, received } = await provider(t, status(201, '{"sid":"SM1","status":"queued"}'));
    await twilio({ accountSid: SID, token: TOKEN, from: '+33700000000', baseUrl: `${url}/` }).send(sms());

    const [request] = received;
    assert.ok(request);
    assert.deepEqual(
      [request.method, request.path, request.headers['content-type']],
      ['POST', `/2010-04-01/Accounts/${SID}/Messages.json`, 'application/x-www-form-urlencoded'],
    );
    assert.equal(request.headers.authorization, `Basic ${Buffer.from(`${SID}:${TOKEN}`).toString('base64')}`);
    assert.deepEqual(Object.fromEntries(new URLSearchParams(request.body)), {
      To: '+33612345678',
      From: '+33700000000',
      Body: '004815 : votre code & « canary »',
    });
  });

  it('sends from a messaging service where one is named', async (t) => {
    const { url, received } = await provider(t, status(201, '{}'));
    const from = 'MG0123456789abcdef0123456789abcdef';
    await twilio({ accountSid: SID, token: TOKEN, from, baseUrl: url }).send(sms());
    const form = new URLSearchParams(received[0]?.body);
    assert.deepEqual([form.get('MessagingServiceSid'), form.get('From')], [from, null]);
  });

  it('tells Twilio’s number for what went wrong, and not its words', async (t) => {
    const answers = [
      ['{"code":21610,"message":"canary +33612345678 is unsubscribed","status":400}', 'Twilio: HTTP 400 (21610)'],
      ['{"code":"canary"}', 'Twilio: HTTP 400'],
      ['null', 'Twilio: HTTP 400'],
      ['canary', 'Twilio: HTTP 400'],
    ] as const;
    for (const [body, reason] of answers) {
      const { url } = await provider(t, status(400, body));
      const failure = await failureOf(twilio({ accountSid: SID, token: TOKEN, from: 'Guichet', baseUrl: url }));
      assert.deepEqual([failure.message, failure.permanent], [reason, true]);
    }
  });
});

describe('the SMS URL', () => {
  it('names an account of Twilio, or none', () => {
    const account = { accountSid: SID, token: 'p%/ss', from: '+33700000000' };
    assert.deepEqual(twilioAccount(`twilio://${SID}:p%25%2Fss@+33700000000`), account);
    assert.deepEqual(twilioAccount(`twilio://${SID}:p%25%2Fss@%2B33700000000/`), account);
    assert.equal(twilioAccount(`twilio://${SID}:t@MG0123456789abcdef`)?.from, 'MG0123456789abcdef');
    assert.equal(twilioAccount(`twilio://${SID}:t@Guichet`)?.from, 'Guichet');
    for (const wrong of [
      `twilio://${SID}@+33700000000`,
      `twilio://${SID}:t`,
      `twilio://${SID}:12345`,
      `twilio://t:${SID}@+33700000000`,
      `twilio://${SID}/../..:t@+33700000000`,
      `twilio://${SID}:%E0%A4%A@+33700000000`,
      `twilio://${SID}:t@+33700000000:80`,
      `twilio://${SID}:t@+33700000000?x=1`,
      `twilio://${SID}:t@+33700000000/path`,
      `twilio://${SID}:t@a-name-far-too-long`,
      `https://${SID}:t@+33700000000`,
    ]) {
      assert.equal(twilioAccount(wrong), undefined, wrong);
    }
  });

  it('chooses the way', async (t) => {
    const { url, received } = await provider(t, status(200));
    await smsDelivery({ url: `${url}/hook`, secret: SECRET }, stillClock()).send(sms());
    await smsDelivery({ url: `twilio://${SID}:t@Guichet`, twilioApiUrl: url }, stillClock()).send(sms());
    assert.deepEqual(
      received.map(({ path }) => path),
      ['/hook', `/2010-04-01/Accounts/${SID}/Messages.json`],
    );
    assert.throws(() => smsDelivery({ url: 'https://sms.example' }, stillClock()), TypeError);
    assert.throws(() => smsDelivery({ url: 'ftp://sms.example', secret: SECRET }, stillClock()), TypeError);
  });
});

describe('delivery by channel', () => {
  it('takes each message to its own way, and drops what has none', async () => {
    const sent: string[] = [];
    const way = (name: string): Delivery => ({ send: async ({ id }) => void sent.push(`${name} ${id}`) });
    const both = channelDelivery({ email: way('email'), sms: way('sms') });
    await both.send(rendered({ id: 'one' }));
    await both.send(sms({ id: 'two' }));
    assert.deepEqual(sent, ['email one', 'sms two']);

    const failure = await failureOf(channelDelivery({ email: way('email'), sms: undefined }));
    assert.deepEqual([failure.permanent, failure.message], [true, 'there is no way to send sms']);
  });
});
