import assert from 'node:assert/strict';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { recaptcha } from '../../src/captcha/recaptcha.ts';
import { listenOnLoopback } from '../support/loopback.ts';

const SECRET = 'canary-secret';
const ADDRESS = '203.0.113.7';

type Options = Partial<Parameters<typeof recaptcha>[0]>;

interface Request {
  method: string | undefined;
  path: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A service that answers as it is told, and the captcha that asks it. */
async function open(t: TestContext, answer: (response: ServerResponse) => void, options: Options = {}) {
  const received: Request[] = [];
  const reasons: string[] = [];
  const { url } = await listenOnLoopback(t, async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { method, url: path, headers } = incoming;
    received.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
    answer(response);
  });
  const captcha = recaptcha({
    secret: SECRET,
    url: `${url}/api/siteverify`,
    report: ({ reason }) => void reasons.push(reason),
    ...options,
  });
  return { captcha, received, reasons };
}

const says = (body: unknown) => (response: ServerResponse) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(text);
};

/** Whether a token passes with a service that answers so, and what is told of it. */
async function verdict(t: TestContext, answer: (response: ServerResponse) => void, options?: Options) {
  const { captcha, reasons } = await open(t, answer, options);
  return [await captcha.passes('token', ADDRESS), ...reasons];
}

describe('reCAPTCHA', () => {
  it('is asked with the secret, the token and the caller’s address, as a form', async (t) => {
    const { captcha, received } = await open(t, says({ success: true }));

    assert.equal(await captcha.passes('03AGdBq2&response=x é', ADDRESS), true);
    assert.equal(await captcha.passes('token', null), true);

    const [first, second] = received;
    assert.deepEqual([first?.method, first?.path], ['POST', '/api/siteverify']);
    assert.equal(first?.headers['content-type'], 'application/x-www-form-urlencoded');
    assert.deepEqual(
      [...new URLSearchParams(first?.body)],
      [
        ['secret', SECRET],
        ['response', '03AGdBq2&response=x é'],
        ['remoteip', ADDRESS],
      ],
    );
    assert.equal(second?.body, `secret=${SECRET}&response=token`);
  });

  it('lets pass what the service says is right, with a score of 0.5 or more where there is one', async (t) => {
    const passes = [{ success: true }, { success: true, hostname: 'app.example.org', 'error-codes': [] }];
    for (const score of [0.5, 0.9, 1]) passes.push(Object.assign({ success: true }, { score, action: 'forgot' }));
    for (const answer of passes) assert.deepEqual(await verdict(t, says(answer)), [true], JSON.stringify(answer));

    const fails = [
      { success: false },
      { success: false, score: 0.9 },
      { success: false, 'error-codes': ['invalid-input-response'] },
      { success: false, 'error-codes': ['timeout-or-duplicate'] },
      { success: true, score: 0.49 },
      { success: true, score: 0 },
      { success: true, score: -1 },
    ];
    for (const answer of fails) assert.deepEqual(await verdict(t, says(answer)), [false], JSON.stringify(answer));
  });

  it('does not ask about a token that is empty or longer than 4 KiB', async (t) => {
    const { captcha, received, reasons } = await open(t, says({ success: true }));

    for (const token of ['', 'x'.repeat(4097), 'é'.repeat(2049)]) {
      assert.equal(await captcha.passes(token, ADDRESS), false);
    }

    assert.deepEqual([received, reasons], [[], []]);
    assert.equal(await captcha.passes('x'.repeat(4096), ADDRESS), true);
  });

  it('takes nothing else for a yes, and tells the operator', async (t) => {
    const answers: [unknown, string][] = [
      [{ success: 'true' }, 'success'],
      [{ success: 1 }, 'success'],
      [{}, 'success'],
      [[true], 'success'],
      [{ success: true, score: '0.9' }, 'score'],
      [{ success: true, score: null }, 'score'],
      [true, 'body'],
      ['null', 'body'],
      ['', 'body'],
      ['success=true', 'body'],
      ['<html>{"success":true}</html>', 'body'],
      ['{"success":true', 'body'],
    ];
    for (const [answer, reason] of answers) {
      assert.deepEqual(await verdict(t, says(answer)), [false, reason], JSON.stringify(answer));
    }
    for (const status of [201, 204, 400, 401, 404, 408, 429, 500, 503]) {
      const answer = (response: ServerResponse) =>
        void response.writeHead(status).end(status === 204 ? undefined : '{"success":true}');
      assert.deepEqual(await verdict(t, answer), [false, `HTTP ${status}`]);
    }
  });

  it('tells the operator of a wrong secret, and shows none', async (t) => {
    for (const code of ['missing-input-secret', 'invalid-input-secret']) {
      const answer = { success: false, 'error-codes': ['canary', code] };
      assert.deepEqual(await verdict(t, says(answer)), [false, code]);
    }
  });

  it('follows no redirect', async (t) => {
    const visited: (string | undefined)[] = [];
    const { url } = await listenOnLoopback(t, (request, response) => {
      visited.push(request.url);
      says({ success: true })(response);
    });
    for (const status of [301, 302, 303, 307, 308]) {
      const redirect = (response: ServerResponse) => void response.writeHead(status, { location: url }).end();
      assert.deepEqual(await verdict(t, redirect), [false, `HTTP ${status}`]);
    }
    assert.deepEqual(visited, []);
  });

  it('reads little of an answer that never ends', async (t) => {
    const closed = Promise.withResolvers<void>();
    let written = 0;
    const endless = (response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.on('close', closed.resolve);
      const pour = (): void => {
        while (!response.destroyed && response.write(' '.repeat(16 * 1024))) written += 16 * 1024;
      };
      response.on('drain', pour);
      pour();
    };

    assert.deepEqual(await verdict(t, endless), [false, 'TOO_LARGE']);
    await closed.promise;
    // What the sockets hold between them is sent and never read.
    assert.ok(written < 32 * 1024 * 1024, `${written} bytes`);
  });

  it('waits only so long, for the beginning of an answer and for its end', async (t) => {
    const limits = { requestMilliseconds: 250 };
    const silent = () => {};
    const halting = (response: ServerResponse) => void response.writeHead(200).write('{"success":true');

    assert.deepEqual(await verdict(t, silent, { limits }), [false, 'TIMEOUT']);
    assert.deepEqual(await verdict(t, halting, { limits }), [false, 'TIMEOUT']);
  });

  it('does not let a connection that breaks, or that nobody takes, pass', async (t) => {
    const cut = (response: ServerResponse) => void response.socket?.destroy();
    assert.deepEqual(await verdict(t, cut), [false, 'ECONNRESET']);

    const { server, url } = await listenOnLoopback(t);
    await new Promise((resolve) => server.close(resolve));
    assert.deepEqual(await verdict(t, says({ success: true }), { url }), [false, 'ECONNREFUSED']);
  });

  it('waits for only so many answers at once', async (t) => {
    const waiting: ServerResponse[] = [];
    const arrived = Promise.withResolvers<void>();
    let answer = (response: ServerResponse) => {
      waiting.push(response);
      if (waiting.length === 2) arrived.resolve();
    };
    const { captcha, reasons } = await open(t, (response) => answer(response), { limits: { atOnce: 2 } });
    const first = [captcha.passes('a', null), captcha.passes('b', null)];
    await arrived.promise;

    assert.equal(await captcha.passes('c', null), false);
    assert.deepEqual(reasons, ['BUSY']);

    answer = says({ success: true });
    for (const response of waiting) answer(response);
    assert.deepEqual(await Promise.all(first), [true, true]);
    assert.equal(await captcha.passes('d', null), true);
  });
});
