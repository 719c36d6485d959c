import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Failure } from '../../src/core/failure.ts';
import type { PagesParts } from '../../src/pages/pages.ts';
import type { TestWorld } from '../support/world.ts';
import { openApplication } from './application.ts';
import { ADA, caller, openPages, PASSWORD, textOf } from './open-pages.ts';

const NEW = 'amber harpoons drift sideways';

async function openReset(t: TestContext, change?: (world: TestWorld) => Partial<PagesParts>) {
  const pages = await openPages(t, change);
  const { identity, open, press, signIn, signUp, tokenFor } = pages;
  await press('/verify-email', await signUp());
  const session = await signIn(PASSWORD);
  assert.equal(session.outcome, 'signed_in');
  await identity.startPasswordReset({ contract: 'cookie', email: ADA, caller });
  const url = `/reset-password?token=${await tokenFor(ADA)}`;
  return { ...pages, page: await open(url), session, url };
}

describe('the page behind a reset link', () => {
  it('asks for a password in a way that password managers understand', async (t) => {
    const { page } = await openReset(t);
    assert.equal(page.answer.statusCode, 200);
    const { body } = page.answer;
    assert.match(
      body,
      /<input type="text" name="username" autocomplete="username" value="ada@example\.com" readonly hidden>/,
    );
    assert.match(
      body,
      /<label for="password">New password<\/label>\n<input type="password" id="password" name="password" autocomplete="new-password"/,
    );
    assert.doesNotMatch(body, /minlength|maxlength|onpaste/);
    assert.match(textOf(body), /For the account: ada@example\.com .* At least \d+ characters/);
  });

  it('consumes nothing, however often it is looked at', async (t) => {
    const { app, open, page, press, signIn, url } = await openReset(t);
    for (let times = 0; times < 5; times += 1) assert.equal((await open(url)).answer.statusCode, 200);
    assert.equal((await app.inject({ method: 'HEAD', url })).statusCode, 200);
    assert.equal((await signIn(PASSWORD)).outcome, 'signed_in');
    assert.equal((await press('/reset-password', page, { fields: { password: NEW } })).statusCode, 200);
  });

  it('sets the password, ends the sessions and does not sign in', async (t) => {
    const { identity, page, press, session, signIn } = await openReset(t);
    const done = await press('/reset-password', page, { fields: { password: NEW } });
    assert.equal(done.statusCode, 200);
    assert.match(textOf(done.body), /Password changed All your devices were signed out/);
    assert.deepEqual(done.cookies, []);
    assert.ok(session.outcome === 'signed_in');
    const { accessToken } = session;
    await assert.rejects(identity.checkSession({ contract: 'cookie', accessToken, changes: false }), {
      code: 'session_ended',
    });
    await assert.rejects(signIn(PASSWORD), { code: 'invalid_credentials' });
    assert.equal((await signIn(NEW)).outcome, 'signed_in');
    assert.equal((await press('/reset-password', page, { fields: { password: NEW } })).statusCode, 410);
  });

  it('says what is wrong with a password above the form, which stays usable', async (t) => {
    const { page, press, signIn } = await openReset(t);
    const refused: [password: string, en: RegExp, fr: RegExp][] = [
      ['', /too short: it takes at least \d+ characters/, /trop court\u00A0: il faut au moins/],
      ['x'.repeat(1025), /too long/, /trop long/],
      ['password1234567', /most common|easy to guess/, /les plus courants|facile à deviner/],
      [`${ADA}!`, /made of your name or your address/, /fait de votre nom/],
    ];
    for (const [password, en, fr] of refused) {
      for (const [language, words] of [
        ['en', en],
        ['fr', fr],
      ] as const) {
        const answer = await press('/reset-password', page, {
          fields: { password },
          headers: { 'accept-language': language },
        });
        assert.equal(answer.statusCode, 422);
        assert.match(answer.body, words);
        assert.match(
          answer.body,
          /<p class="alert" role="alert" id="flaw">.*<form .*aria-describedby="flaw hint" aria-invalid="true"/s,
        );
        assert.ok(password === '' || !answer.body.includes(`"${password}"`));
      }
    }
    assert.equal((await press('/reset-password', page, { fields: { password: NEW } })).statusCode, 200);
    assert.equal((await signIn(NEW)).outcome, 'signed_in');
  });

  it('takes a password of every script, with spaces and signs, as it is', async (t) => {
    const { page, press, signIn } = await openReset(t);
    const password = ' 100% пароль & "mot=de+passe" 🔑 ';
    assert.equal((await press('/reset-password', page, { fields: { password } })).statusCode, 200);
    assert.equal((await signIn(password)).outcome, 'signed_in');
  });

  it('goes on to where the application asked for, once the password is set', async (t) => {
    const { open, press, signIn, signUp, ...world } = await openPages(t);
    await press('/verify-email', await signUp());
    const redirectUrl = 'http://localhost:5173/sign-in?tab=a%20b';
    const page = await open(await (await openApplication(world)).passwordReset(ADA, redirectUrl));
    assert.match(String(page.answer.headers['content-security-policy']), /form-action 'self' http:\/\/localhost:5173;/);
    assert.equal((await press('/reset-password', page, { fields: { password: 'short' } })).statusCode, 422);
    const done = await press('/reset-password', page, { fields: { password: NEW } });
    assert.deepEqual([done.statusCode, done.headers.location], [303, redirectUrl]);
    assert.equal((await signIn(NEW)).outcome, 'signed_in');
  });

  it('is the dead-link page for a link of another purpose', async (t) => {
    const { open, signUp, clock } = await openReset(t);
    clock.advance({ minutes: 1 });
    const other = await signUp({ email: 'eve@example.com' });
    assert.equal((await open(`/reset-password?token=${other.fields.token}`)).answer.statusCode, 410);
    assert.equal((await open(`/unlock?token=${other.fields.token}`)).answer.statusCode, 410);
  });

  it('asks to come back when too much is being hashed, and offers the way', async (t) => {
    const overloaded = async () => {
      throw new Failure('overloaded', { retryAfterSeconds: 3 });
    };
    const { page, press, url } = await openReset(t, ({ identity }) => ({
      identity: { ...identity, finishPasswordReset: overloaded },
    }));
    const answer = await press('/reset-password', page, { fields: { password: NEW } });
    assert.deepEqual([answer.statusCode, answer.headers['retry-after']], [503, '3']);
    assert.match(answer.body, new RegExp(`<a class="button" href="${url.replace('?', '\\?')}">Try again</a>`));
  });
});
