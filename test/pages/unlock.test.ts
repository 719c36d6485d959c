import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ADA, openPages, PASSWORD, textOf } from './open-pages.ts';

async function openLocked(t: TestContext) {
  const pages = await openPages(t);
  const { press, signIn, signUp, tokenFor } = pages;
  await press('/verify-email', await signUp());
  for (let times = 0; times < 10; times += 1) await signIn('not the password').catch(() => {});
  await assert.rejects(signIn(PASSWORD), { code: 'account_locked' });
  return { ...pages, url: `/unlock?token=${await tokenFor(ADA)}` };
}

describe('the page behind an unlock link', () => {
  it('says which account, and changes nothing by being looked at', async (t) => {
    const { app, open, signIn, url } = await openLocked(t);
    for (let times = 0; times < 5; times += 1) {
      const { answer } = await open(url);
      assert.equal(answer.statusCode, 200);
      assert.match(textOf(answer.body), /paused for the account: ada@example\.com Unlock my account/);
    }
    assert.equal((await app.inject({ method: 'HEAD', url })).statusCode, 200);
    await assert.rejects(signIn(PASSWORD), { code: 'account_locked' });
  });

  it('lifts the lock at its button, once', async (t) => {
    const { open, press, signIn, url } = await openLocked(t);
    const page = await open(url, { 'accept-language': 'fr' });
    assert.match(textOf(page.answer.body), /Débloquez votre compte/);
    const done = await press('/unlock', page);
    assert.equal(done.statusCode, 200);
    assert.match(textOf(done.body), /Account unlocked/);
    assert.equal((await signIn(PASSWORD)).outcome, 'signed_in');
    assert.equal((await press('/unlock', page)).statusCode, 410);
    assert.match(textOf((await open(url)).answer.body), /no longer works.*The pause ends by itself/);
  });
});
