import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createKeyring } from '../../src/core/keyring.ts';
import { formTokens } from '../../src/pages/form-token.ts';
import { type OpenPage, openPages, type Pages, textOf } from './open-pages.ts';

const FORM = 'application/x-www-form-urlencoded';
const BUTTONS = ['/verify-email', '/verify-email/disown', '/reset-password', '/magic-link', '/change-email', '/unlock'];

/** Presses every button and claims the same refusal of each, with no cookie; then that nothing was consumed. */
async function refusesAll(
  { press }: Pages,
  page: OpenPage,
  status: number,
  bad: { cookie?: string; fields?: Record<string, string>; headers?: Record<string, string | undefined> },
): Promise<void> {
  const { cookie = page.cookie, fields = {}, headers = {} } = bad;
  for (const path of BUTTONS) {
    const answer = await press(path, { ...page, cookie }, { fields, headers });
    assert.equal(answer.statusCode, status, `${path} ${JSON.stringify(bad)}`);
    assert.match(answer.headers['content-type'] as string, /^text\/html/);
    assert.equal(answer.headers['set-cookie'], undefined);
  }
  assert.equal((await press('/verify-email', page)).statusCode, 200);
}

describe('a form', () => {
  it('is refused without its token, with a wrong one, or without the cookie', async (t) => {
    const wrong: [bad: (page: OpenPage, other: OpenPage) => Parameters<typeof refusesAll>[3]][] = [
      [() => ({ fields: { form_token: '' } })],
      [({ fields }) => ({ fields: { form_token: `${fields.form_token}=` } })],
      [(_page, other) => ({ fields: { form_token: other.fields.form_token } })],
      [(_page, other) => ({ cookie: other.cookie })],
      [() => ({ cookie: '' })],
      [() => ({ cookie: 'guichet_form=short' })],
      [(page, other) => ({ cookie: `${page.cookie}; ${other.cookie}` })],
    ];
    for (const [bad] of wrong) {
      const pages = await openPages(t);
      const page = await pages.signUp();
      const other = await pages.open(`/verify-email?token=${page.fields.token}`);
      assert.notEqual(other.cookie, page.cookie);
      await refusesAll(pages, page, 403, bad(page, other));
    }
  });

  it('that is refused offers the way back to its page', async (t) => {
    const { press, signUp } = await openPages(t);
    const page = await signUp();
    const answer = await press('/verify-email/disown', { ...page, cookie: '' });
    assert.match(textOf(answer.body), /Please try once more .* Nothing was changed\. Try again/);
    assert.ok(answer.body.includes(`href="/verify-email?token=${page.fields.token}"`));
    const strange = await press('/verify-email', { ...page, cookie: '', fields: { ...page.fields, token: '"><b>' } });
    assert.doesNotMatch(strange.body, /<b>|Try again/);
  });

  it('in a second tab shares the cookie of the first', async (t) => {
    const { open, press, signUp } = await openPages(t);
    const first = await signUp();
    const second = await open(`/verify-email?token=${first.fields.token}`, { cookie: first.cookie });
    assert.equal(second.cookie, first.cookie);
    assert.equal(second.fields.form_token, first.fields.form_token);
    assert.equal((await press('/verify-email', first)).statusCode, 200);
  });

  it('is taken from our own origin alone', async (t) => {
    const foreign = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: '' },
      { origin: 'http://localhost:3001' },
      { origin: 'https://localhost:3000' },
      { origin: 'http://localhost.evil.example:3000' },
      { origin: undefined, 'sec-fetch-site': 'cross-site' },
      { origin: undefined, 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of foreign) {
      const pages = await openPages(t);
      await refusesAll(pages, await pages.signUp(), 403, { headers });
    }
  });

  it('is taken from each name of this machine in development, from the public one alone in production', async (t) => {
    for (const [developmentMode, status] of [
      [true, 200],
      [false, 403],
    ] as const) {
      for (const origin of ['http://127.0.0.1:3000', 'http://[::1]:3000']) {
        const { press, signUp } = await openPages(t, { developmentMode });
        assert.equal((await press('/verify-email', await signUp(), { headers: { origin } })).statusCode, status);
      }
    }
  });

  it('is taken without Origin from programs and from a browser that vouches for it', async (t) => {
    for (const site of [undefined, 'same-origin', 'none']) {
      const { app, signUp } = await openPages(t);
      const page = await signUp();
      const answer = await app.inject({
        method: 'POST',
        url: '/verify-email',
        headers: {
          'content-type': `${FORM}; charset=UTF-8`,
          cookie: page.cookie,
          ...(site && { 'sec-fetch-site': site }),
        },
        payload: new URLSearchParams(page.fields).toString(),
      });
      assert.equal(answer.statusCode, 200);
    }
  });

  it('is nothing but a form, readable, and not too large', async (t) => {
    const { app, press, signUp } = await openPages(t);
    const page = await signUp();
    const send = async (type: string, payload: string | Buffer) => {
      const headers = { 'content-type': type, cookie: page.cookie };
      return (await app.inject({ method: 'POST', url: '/reset-password', headers, payload })).statusCode;
    };
    const good = new URLSearchParams(page.fields).toString();
    assert.equal(await send('application/json', JSON.stringify(page.fields)), 415);
    assert.equal(await send('multipart/form-data; boundary=x', '--x--'), 415);
    assert.equal(await send('text/plain', good), 415);
    assert.equal(await send('application/json', ''), 403);
    assert.equal(await send(FORM, `${good}&password=${'x'.repeat(70_000)}`), 413);
    assert.equal(await send(FORM, `${good}&password=a%00b`), 400);
    assert.equal(await send(FORM, `${good}&password=%C0%80`), 400);
    assert.equal(await send(FORM, Buffer.concat([Buffer.from(`${good}&password=`), Buffer.from([0xff, 0xfe])])), 400);
    assert.equal(await send(FORM, `${good}&token=${page.fields.token}`), 400);
    assert.equal((await press('/verify-email', page)).statusCode, 200);
  });

  it('has a cookie that is tied to this host, unseen by scripts, and not sent with another site’s form', async (t) => {
    const plain = await (await openPages(t)).signUp();
    assert.match(
      plain.answer.headers['set-cookie'] as string,
      /^guichet_form=[\w-]{43}; Max-Age=86400; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    const secure = await (await openPages(t, { secure: true })).signUp();
    assert.match(
      secure.answer.headers['set-cookie'] as string,
      /^__Host-guichet_form=[\w-]{43}; Max-Age=86400; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
  });

  it('stays good while the server’s secret is replaced', () => {
    const [old, next] = ['the first secret of the tests', 'the second secret of the tests'];
    const jar = new Map<string, string>();
    const cookies = {
      get: (name: string) => jar.get(name),
      set: (name: string, value: string) => void jar.set(name, value),
      comesTwice: () => false,
      clear: () => {},
    };
    const random = { bytes: (length: number) => new Uint8Array(length) };
    const field = formTokens({ keyring: createKeyring([old]), random, secure: true }).give(cookies);
    assert.equal(formTokens({ keyring: createKeyring([next, old]), random, secure: true }).check(cookies, field), true);
    assert.equal(formTokens({ keyring: createKeyring([next]), random, secure: true }).check(cookies, field), false);
  });
});
