import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Failure } from '../../src/core/failure.ts';
import type { Identity } from '../../src/core/identity.ts';
import { Refusal } from '../../src/http/refusal.ts';
import { assets } from '../../src/pages/assets.ts';
import { answerNo } from '../../src/pages/no.ts';
import { openPages, textOf } from './open-pages.ts';

const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** Pages whose core answers a look at an unlock link with this. */
const failing = (error: unknown) => ({
  identity: { lookAtUnlock: async () => Promise.reject(error) } as unknown as Identity,
});
const ANY = `/unlock?token=${'x'.repeat(43)}`;

describe('the hosted pages', () => {
  it('keep the policy on every answer, with nothing inline and nothing from elsewhere', async (t) => {
    const { app, press, signUp } = await openPages(t);
    const page = await signUp();
    const down = await openPages(t, failing(new Error('a fault of the test')));
    const answers = [
      page.answer,
      await press('/verify-email', { ...page, cookie: '' }),
      await press('/verify-email', page),
      await press('/verify-email', page),
      await app.inject('/'),
      await app.inject('/verify-email'),
      await app.inject({ method: 'DELETE', url: '/unlock' }),
      (await down.open(ANY)).answer,
    ];
    assert.deepEqual(
      answers.map(({ statusCode }) => statusCode),
      [200, 403, 200, 410, 200, 400, 405, 500],
    );
    for (const { body, headers } of answers) {
      assert.equal(headers['content-security-policy'], POLICY);
      assert.equal(headers['referrer-policy'], 'no-referrer');
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.match(body, /^<!doctype html>\n<html lang="en">/);
      assert.match(body, /<main>\n<h1>[^<]+<\/h1>/);
      assert.doesNotMatch(
        body,
        /<style|style=|<script(?! src="\/assets\/pages\.js" defer><\/script>)|\son\w+=|javascript:/i,
      );
      assert.doesNotMatch(body, /(src|href|action)="(?!\/(?!\/))/);
      assert.doesNotMatch(body, /undefined|\[object/);
    }
  });

  it('show hostile values harmlessly', async (t) => {
    const { open, signUp } = await openPages(t);
    const hostile = '"><img src=x onerror=alert(1)>';
    const turned = 'Evil\u202Etxt.exe/1.0';
    const { answer, fields } = await signUp({
      email: `o'brien&{{7*7}}${'x'.repeat(40)}@example.com`,
      name: hostile,
      caller: { address: hostile, userAgent: `${hostile}${turned}` },
    });
    assert.equal(answer.statusCode, 200);
    assert.doesNotMatch(answer.body, /<img src=x|\u202E|'brien/);
    assert.match(answer.body, /<bdi dir="ltr">o&#39;brien&#38;\{\{7\*7\}\}/);
    assert.match(answer.body, /<dd>&#34;&#62;&#60;img src=x onerror=alert\(1\)&#62;<\/dd>/);
    const echoed = await open(`/verify-email?token=${encodeURIComponent(`${fields.token}${hostile}`)}`, {
      'accept-language': hostile,
      'user-agent': hostile,
    });
    assert.doesNotMatch(echoed.answer.body, /<img src=x/);
  });

  it('answer each failure with a status, and tell when to come back', async (t) => {
    const gone = new Error('no database');
    const cases: [error: Error, status: number, retryAfter: string | undefined, words: RegExp][] = [
      [new Failure('token_invalid'), 410, undefined, /no longer works/],
      [new Failure('token_expired'), 410, undefined, /no longer works/],
      [new Failure('identifier_taken', { identifier: 'email' }), 409, undefined, /has another account/],
      [new Failure('not_found'), 404, undefined, /nothing here/],
      [new Failure('rate_limited', { retryAfterSeconds: 900 }), 429, '900', /try again in 15 minutes\./],
      [new Failure('overloaded', { retryAfterSeconds: 4 }), 503, '4', /Too busy/],
      [new Failure('password_rejected', { flaw: 'common', minimum: 8 }), 422, undefined, /most common ones/],
      [gone, 503, '2', /not available just now/],
      [new Failure('invalid_credentials'), 500, undefined, /went wrong here/],
      [new Error('a secret detail'), 500, undefined, /went wrong here .* Their reference: \S+ Try again/],
    ];
    for (const [error, status, retryAfter, words] of cases) {
      const { open } = await openPages(t, { ...failing(error), isUnavailable: (thrown) => thrown === gone });
      const { answer } = await open(ANY);
      assert.deepEqual([answer.statusCode, answer.headers['retry-after']], [status, retryAfter], error.message);
      assert.match(textOf(answer.body), words);
      assert.doesNotMatch(answer.body, /secret detail|no database/);
      assert.equal(answer.headers['set-cookie'], undefined);
    }
  });

  it('say which methods a path takes', async (t) => {
    const { app } = await openPages(t);
    for (const [method, url, allow] of [
      ['POST', '/', 'GET, HEAD'],
      ['PUT', '/verify-email', 'GET, POST, HEAD'],
      ['GET', '/verify-email/disown', 'POST'],
      ['OPTIONS', '/reset-password', 'GET, POST, HEAD'],
      ['DELETE', '/assets/pages.css', 'GET, HEAD'],
    ] as const) {
      const answer = await app.inject({ method, url, headers: { 'accept-language': 'fr' } });
      assert.deepEqual([answer.statusCode, answer.headers.allow], [405, allow]);
      assert.match(textOf(answer.body), /Cette page s’ouvre autrement/);
    }
  });

  it('have a page for a path that is nobody’s', async (t) => {
    const { app } = await openPages(t);
    await app.register(
      async (other) => {
        other.setNotFoundHandler((request, reply) =>
          answerNo(new Refusal('path_unknown'), request, reply, { isUnavailable: () => false }),
        );
      },
      { prefix: '/elsewhere' },
    );
    const answer = await app.inject({
      method: 'POST',
      url: '/elsewhere/x',
      headers: { 'accept-language': 'fr' },
      payload: { fields: 'no form of ours' },
    });
    assert.equal(answer.statusCode, 404);
    assert.match(textOf(answer.body), /Il n’y a rien ici/);
    assert.equal(answer.headers['content-security-policy'], POLICY);
  });

  it('begin with a landing page that links to what is there', async (t) => {
    const all = await (await openPages(t)).app.inject('/');
    assert.match(all.body, /<a href="\/docs">API reference<\/a>.*<a href="\/dev\/mailbox">Development mailbox<\/a>/s);
    const bare = await (await openPages(t, { links: { docs: false, mailbox: false } })).app.inject('/');
    assert.doesNotMatch(bare.body, /\/docs|\/dev\/mailbox|<ul>/);
  });

  it('bring a style, a script and an icon of their own, small enough for a phone', async (t) => {
    const { app, signUp } = await openPages(t);
    for (const { path, type } of assets) {
      const answer = await app.inject(path);
      assert.deepEqual([answer.statusCode, answer.headers['content-type']], [200, type]);
      assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    }
    const { answer } = await signUp();
    assert.ok(gzipSync([answer.body, ...assets.map(({ text }) => text)].join('')).length < 60_000);
  });
});
