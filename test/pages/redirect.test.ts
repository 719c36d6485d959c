import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Failure } from '../../src/core/failure.ts';
import type { Identity } from '../../src/core/identity.ts';
import { ADA, openPages, textOf } from './open-pages.ts';

const TOKEN = 'x'.repeat(43);
const POLICY = (formAction: string) =>
  `default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action ${formAction}; base-uri 'none'; frame-ancestors 'none'`;

/** Pages whose core leads on to this URL, whatever is asked of it. */
const leadingTo = (t: TestContext, redirectUrl: string | null, change: Partial<Identity> = {}) =>
  openPages(t, ({ identity }) => ({
    identity: {
      ...identity,
      lookAtMagicLink: async () => ({ email: ADA, redirectUrl }),
      openMagicLink: async () => ({ code: 'the-code', redirectUrl }),
      lookAtPasswordReset: async () => ({ email: ADA, redirectUrl }),
      finishPasswordReset: async () => ({ redirectUrl }),
      ...change,
    },
  }));
const FORMS = ['/magic-link', '/reset-password'];

describe('a page that leads on', () => {
  it('answers its form with 303, the URL as it is, and the headers of every answer', async (t) => {
    for (const url of [
      'https://app.example/in?tab=a%20b&tab=%C3%A9&code=abc_-',
      'http://localhost:5173/?code=abc',
      'http://[::1]:5173/b%2F?code=abc#there',
    ]) {
      const { open, press } = await leadingTo(t, url);
      for (const path of FORMS) {
        const answer = await press(path, await open(`${path}?token=${TOKEN}`));
        assert.deepEqual([answer.statusCode, answer.headers.location, answer.body], [303, url, '']);
        assert.equal(answer.headers['referrer-policy'], 'no-referrer');
        assert.equal(answer.headers['cache-control'], 'no-store');
        assert.equal(answer.headers['x-content-type-options'], 'nosniff');
        assert.equal(answer.headers['content-security-policy'], POLICY("'self'"));
        assert.deepEqual(answer.cookies, []);
      }
    }
  });

  it('allows its form that one origin more, and no other page does', async (t) => {
    const { app, open, press } = await leadingTo(t, 'https://app.example:8443/in?next=/x', {
      lookAtUnlock: async () => ({ email: ADA }),
      lookAtEmailChange: async () => ({ email: ADA }),
      finishPasswordReset: () => Promise.reject(new Failure('password_rejected', { flaw: 'common', minimum: 8 })),
    });
    const leading = POLICY("'self' https://app.example:8443");
    for (const path of FORMS) {
      const { answer } = await open(`${path}?token=${TOKEN}`);
      assert.deepEqual([answer.statusCode, answer.headers['content-security-policy']], [200, leading]);
    }
    const again = await press('/reset-password', await open(`/reset-password?token=${TOKEN}`));
    assert.deepEqual([again.statusCode, again.headers['content-security-policy']], [422, leading]);
    for (const path of ['/unlock', '/change-email']) {
      const { answer } = await open(`${path}?token=${TOKEN}`);
      assert.deepEqual([answer.statusCode, answer.headers['content-security-policy']], [200, POLICY("'self'")]);
    }
    for (const path of ['/', '/magic-link', '/nothing']) {
      assert.doesNotMatch(String((await app.inject(path)).headers['content-security-policy']), /app\.example/);
    }
  });

  it('is like the others where there is nowhere to go on to', async (t) => {
    const { open, press } = await leadingTo(t, null);
    for (const path of FORMS) {
      const page = await open(`${path}?token=${TOKEN}`);
      const done = await press(path, page);
      assert.deepEqual([done.statusCode, done.headers.location], [200, undefined]);
      for (const { headers } of [page.answer, done]) {
        assert.equal(headers['content-security-policy'], POLICY("'self'"));
      }
    }
  });

  it('leads nowhere that is no web page, and says that something went wrong', async (t) => {
    for (const url of [
      'javascript:alert(1)',
      'data:text/html,<script>1</script>',
      '//evil.example',
      '/relative',
      'https:',
      '',
    ]) {
      const { open, press } = await leadingTo(t, url);
      const honest = await leadingTo(t, null);
      for (const path of FORMS) {
        const { answer } = await open(`${path}?token=${TOKEN}`);
        const { cookie, fields } = await honest.open(`${path}?token=${TOKEN}`);
        const sent = await press(path, { answer, cookie, fields });
        for (const { body, headers, statusCode } of [answer, sent]) {
          assert.deepEqual([statusCode, headers.location], [500, undefined], `${path} ${url}`);
          assert.match(textOf(body), /went wrong here/);
          assert.doesNotMatch(body, /javascript:|data:text|evil/);
        }
      }
    }
  });

  it('never puts a line of its own into the headers', async (t) => {
    const { open, press } = await leadingTo(t, 'https://app.example/in?x=a\r\nSet-Cookie: b=c&code=1');
    for (const path of FORMS) {
      const answer = await press(path, await open(`${path}?token=${TOKEN}`));
      assert.equal(answer.statusCode, 303);
      assert.doesNotMatch(String(answer.headers.location), /[\r\n]/);
      assert.deepEqual(answer.cookies, []);
    }
  });

  it('shows the host in letters that are no others', async (t) => {
    const { open } = await leadingTo(t, 'https://аpple.example/in');
    const { answer } = await open(`/magic-link?token=${TOKEN}`);
    assert.match(textOf(answer.body), /You then go on to: xn--pple-43d\.example /);
    assert.match(
      String(answer.headers['content-security-policy']),
      /form-action 'self' https:\/\/xn--pple-43d\.example;/,
    );
  });
});
