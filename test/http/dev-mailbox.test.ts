import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { fastify, type InjectOptions } from 'fastify';
import { mailboxOn } from '../../src/delivery/mailbox.ts';
import { renderer } from '../../src/delivery/render.ts';
import { devMailbox } from '../../src/http/dev-mailbox.ts';
import { keyring, NOON, random, rendered } from '../delivery/mail-world.ts';
import { openTestSqlite } from '../support/databases.ts';

async function openMailbox(t: TestContext, options: { trustProxy: boolean } = { trustProxy: false }) {
  const mailbox = mailboxOn(await openTestSqlite(t), keyring, random);
  const app = fastify();
  app.setNotFoundHandler((_request, reply) => reply.code(404).send('nothing here'));
  devMailbox(app, mailbox, options);
  t.after(() => app.close());
  const ask = (method: 'GET' | 'POST' | 'DELETE', url: string, more: InjectOptions = {}) =>
    app.inject({ method, url, ...more, headers: { host: 'localhost:3000', ...more.headers } });
  return { app, ask, mailbox };
}

const ROUTES = [
  ['GET', '/dev/mailbox'],
  ['GET', '/dev/mailbox/7b1f.html'],
  ['GET', '/dev/mailbox.css'],
  ['GET', '/dev/mailbox.json'],
  ['DELETE', '/dev/mailbox.json'],
  ['POST', '/dev/mailbox/empty'],
] as const;

describe('the development mailbox', () => {
  it('answers with the messages as JSON, newest first', async (t) => {
    const { ask, mailbox } = await openMailbox(t);
    await mailbox.send(rendered({ id: 'one' }));
    await mailbox.send(rendered({ id: 'two', to: 'eve@example.com', createdAt: NOON + 1 }));
    const all = await ask('GET', '/dev/mailbox.json');
    assert.match(all.headers['content-type'] as string, /^application\/json/);
    assert.deepEqual(
      all.json().map(({ id }: { id: string }) => id),
      ['two', 'one'],
    );
    assert.deepEqual(Object.keys(all.json()[0]), [
      'id',
      'channel',
      'to',
      'subject',
      'text',
      'html',
      'links',
      'code',
      'createdAt',
    ]);
    const hers = await ask('GET', '/dev/mailbox.json?to=Ada%40EXAMPLE.com');
    assert.deepEqual(
      hers.json().map(({ id }: { id: string }) => id),
      ['one'],
    );
  });

  it('is emptied by DELETE and by its button', async (t) => {
    const { ask, mailbox } = await openMailbox(t);
    await mailbox.send(rendered());
    const deleted = await ask('DELETE', '/dev/mailbox.json', { headers: { 'content-type': 'application/json' } });
    assert.deepEqual([deleted.statusCode, deleted.body], [204, '']);
    assert.deepEqual(await mailbox.list(), []);

    await mailbox.send(rendered());
    const pressed = await ask('POST', '/dev/mailbox/empty', {
      headers: {
        origin: 'http://localhost:3000',
        'content-type': 'application/x-www-form-urlencoded',
        'sec-fetch-site': 'same-origin',
      },
      payload: '',
    });
    assert.deepEqual([pressed.statusCode, pressed.headers.location], [303, '/dev/mailbox']);
    assert.deepEqual(await mailbox.list(), []);
  });

  it('is not there for another machine, a proxy or another site', async (t) => {
    const { ask, mailbox } = await openMailbox(t);
    await mailbox.send(rendered());
    const strangers: InjectOptions[] = [
      { remoteAddress: '192.0.2.7' },
      { remoteAddress: '::ffff:192.0.2.7' },
      { remoteAddress: '2001:db8::1' },
      { remoteAddress: '1127.0.0.1' },
      ...['forwarded', 'x-forwarded-for', 'X-Forwarded-Host', 'x-forwarded-anything', 'x-real-ip', 'via'].map(
        (name) => ({ headers: { [name]: '' } }),
      ),
      { headers: { 'sec-fetch-site': 'cross-site' } },
      { headers: { 'sec-fetch-site': 'same-site' } },
    ];
    for (const [method, url] of ROUTES) {
      for (const stranger of strangers) {
        const answer = await ask(method, url, stranger);
        assert.deepEqual(
          [answer.statusCode, answer.body],
          [404, 'nothing here'],
          `${method} ${url} ${JSON.stringify(stranger)}`,
        );
        assert.doesNotMatch(Object.keys(answer.headers).join(), /access-control/);
      }
    }
    assert.equal((await mailbox.list()).length, 1);
  });

  it('is not there behind a trusted proxy', async (t) => {
    const { ask } = await openMailbox(t, { trustProxy: true });
    for (const [method, url] of ROUTES) assert.equal((await ask(method, url)).statusCode, 404);
  });

  it('is there for every address of this machine', async (t) => {
    const { ask } = await openMailbox(t);
    for (const remoteAddress of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1']) {
      const answer = await ask('GET', '/dev/mailbox.json', { remoteAddress, headers: { 'sec-fetch-site': 'none' } });
      assert.equal(answer.statusCode, 200);
    }
  });

  it('is emptied by no other origin', async (t) => {
    const { ask, mailbox } = await openMailbox(t);
    await mailbox.send(rendered());
    for (const origin of ['http://evil.example', 'http://localhost:3001', 'null', '']) {
      assert.equal((await ask('POST', '/dev/mailbox/empty', { headers: { origin } })).statusCode, 404);
      assert.equal((await ask('DELETE', '/dev/mailbox.json', { headers: { origin } })).statusCode, 404);
    }
    assert.equal((await mailbox.list()).length, 1);
  });

  it('shows a page that needs no script and no inline style', async (t) => {
    const { ask, mailbox } = await openMailbox(t);
    await mailbox.send(rendered({ links: ['https://auth.example/unlock?token=a&b'], code: '123456' }));
    const page = await ask('GET', '/dev/mailbox');
    assert.equal(
      page.headers['content-security-policy'],
      "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    );
    assert.equal(page.headers['cache-control'], 'no-store');
    assert.doesNotMatch(page.body, /<script|<style|style=|\son\w+=/i);
    assert.match(page.body, /<a href="https:\/\/auth\.example\/unlock\?token=a&#38;b">/);
    assert.match(page.body, />123456</);
    assert.match(page.body, /<iframe src="\/dev\/mailbox\/7b1f\.html" sandbox /);
    const style = await ask('GET', '/dev/mailbox.css');
    assert.match(style.headers['content-type'] as string, /^text\/css/);
  });

  it('shows a hostile message harmlessly', async (t) => {
    const { ask, mailbox } = await openMailbox(t);
    const hostile = '"><img src=x onerror=alert(1)>';
    await mailbox.send(
      rendered({
        to: hostile,
        subject: hostile,
        text: hostile,
        html: hostile,
        code: hostile,
        links: [`https://a/${hostile}`],
      }),
    );
    assert.doesNotMatch((await ask('GET', '/dev/mailbox')).body, /<img/);
    const framed = await ask('GET', '/dev/mailbox/7b1f.html');
    assert.equal(framed.body, hostile);
    assert.match(
      framed.headers['content-security-policy'] as string,
      /^sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'$/,
    );
    assert.equal(framed.headers['x-frame-options'], 'SAMEORIGIN');
    assert.equal(framed.headers['x-content-type-options'], 'nosniff');
  });

  it('speaks the reader’s language, and tells what will appear', async (t) => {
    const { ask } = await openMailbox(t);
    const page = async (language: string) =>
      (await ask('GET', '/dev/mailbox', { headers: { 'accept-language': language } })).body;
    assert.match(await page('fr-FR,fr;q=0.9,en;q=0.8'), /<html lang="fr">.*Aucun message/s);
    assert.match(await page('en-US,en;q=0.9,fr;q=0.8'), /<html lang="en">.*No message yet/s);
    assert.match(await page('de'), /<html lang="en">/);
    assert.match(await page('en;q=0.1, FR'), /<html lang="fr">/);
  });

  it('frames every real message', async (t) => {
    const { ask, mailbox } = await openMailbox(t);
    const render = renderer({
      publicUrl: 'http://localhost:3000',
      spaUrl: 'https://app.example',
      setUpForm: 'page',
      serviceName: 'Guichet',
    });
    const facts = { token: 't', name: 'Ada' };
    await mailbox.send(
      render({
        id: random.uuid(),
        template: 'verify_email',
        facts,
        channel: 'email',
        to: 'ada@example.com',
        locale: 'fr',
        createdAt: NOON,
        expiresAt: NOON + 1,
      }),
    );
    const page = (await ask('GET', '/dev/mailbox')).body;
    const framed = await ask('GET', /src="(\/dev\/mailbox\/[^"]+)"/.exec(page)?.[1] ?? '');
    assert.match(framed.body, /<html lang="fr">.*Confirmer mon adresse/s);
    assert.equal((await ask('GET', '/dev/mailbox/unknown.html')).statusCode, 404);
  });
});
