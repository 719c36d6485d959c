import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ADA, openPages, textOf } from './open-pages.ts';

describe('the page behind a verification link', () => {
  it('says whose address, when and from where', async (t) => {
    const { signUp } = await openPages(t);
    const { answer } = await signUp();
    assert.equal(answer.statusCode, 200);
    assert.match(answer.headers['content-type'] as string, /^text\/html; charset=utf-8$/);
    const text = textOf(answer.body);
    assert.match(text, /made with this address: ada@example\.com/);
    assert.match(text, /When 15 January 2026 at 09:30 UTC Browser Firefox on Linux Network address 192\.0\.2\.7/);
  });

  it('names an operator where no network is known', async (t) => {
    const { signUp } = await openPages(t);
    const { answer } = await signUp({ caller: { address: null, userAgent: null } });
    assert.match(textOf(answer.body), /When 15 January 2026 at 09:30 UTC Made by an operator of this service/);
  });

  it('speaks French', async (t) => {
    const { open, signUp } = await openPages(t);
    const { fields } = await signUp();
    const { answer } = await open(`/verify-email?token=${fields.token}`, { 'accept-language': 'fr-CA,fr;q=0.9,en' });
    assert.match(answer.body, /<html lang="fr">/);
    assert.match(textOf(answer.body), /Un compte a été créé avec cette adresse : ada@example\.com/);
    assert.match(textOf(answer.body), /Date 15 janvier 2026 à 09:30 UTC Navigateur Firefox sur Linux Adresse réseau/);
    assert.match(answer.body, /cette adresse\u00A0:/);
  });

  it('consumes nothing, however often it is looked at', async (t) => {
    const { app, open, press, signIn, signUp } = await openPages(t);
    const page = await signUp();
    const url = `/verify-email?token=${page.fields.token}`;
    for (let times = 0; times < 5; times += 1) assert.equal((await open(url)).answer.statusCode, 200);
    const scanner = { 'user-agent': 'BarracudaCentral/1.0 (link scanner)' };
    assert.equal((await app.inject({ method: 'HEAD', url, headers: scanner })).statusCode, 200);
    await assert.rejects(signIn(), { code: 'identifier_unproven' });
    assert.equal((await press('/verify-email', page)).statusCode, 200);
  });

  it('confirms the address at its button, once', async (t) => {
    const { press, signIn, signUp } = await openPages(t);
    const page = await signUp();
    const done = await press('/verify-email', page);
    assert.equal(done.statusCode, 200);
    assert.match(textOf(done.body), /Address confirmed You can go back to the application and sign in\./);
    assert.equal((await signIn()).outcome, 'signed_in');
    assert.equal((await press('/verify-email', page)).statusCode, 410);
  });

  it('removes the unverified account at “This wasn’t me”', async (t) => {
    const { press, signIn, signUp } = await openPages(t);
    const page = await signUp();
    const done = await press('/verify-email/disown', page);
    assert.equal(done.statusCode, 200);
    assert.match(textOf(done.body), /Thank you for telling us/);
    await assert.rejects(signIn(), { code: 'invalid_credentials' });
    assert.equal((await press('/verify-email', page)).statusCode, 410);
  });

  it('leaves an account alone that was proven meanwhile', async (t) => {
    const { clock, press, signIn, signUp, world } = await openPages(t);
    const page = await signUp();
    const account = await world.store.accounts.findByIdentifier('email', ADA);
    assert.ok(account);
    await world.store.transaction((store) => store.identifiers.markVerified(account.id, 'email', clock.now()));
    assert.equal((await press('/verify-email/disown', page)).statusCode, 200);
    assert.equal((await signIn()).outcome, 'signed_in');
  });

  it('is one page for a link that ran out and one that never was, in both languages', async (t) => {
    const { clock, open, signUp } = await openPages(t);
    const { fields } = await signUp();
    clock.advance({ hours: 24 });
    for (const [language, words] of [
      ['en', /This link no longer works It was used already, or it is too old\. If your address is confirmed/],
      ['fr', /Ce lien ne fonctionne plus Il a déjà servi, ou il est trop ancien\. Si votre adresse est confirmée/],
    ] as const) {
      const headers = { 'accept-language': language };
      const expired = (await open(`/verify-email?token=${fields.token}`, headers)).answer;
      const unknown = (await open(`/verify-email?token=${'x'.repeat(43)}`, headers)).answer;
      assert.deepEqual([expired.statusCode, unknown.statusCode], [410, 410]);
      assert.equal(expired.body, unknown.body);
      assert.match(textOf(expired.body), words);
    }
  });

  it('tells a link without its token from a dead one', async (t) => {
    const { open, signUp } = await openPages(t);
    const { fields } = await signUp();
    for (const url of ['/verify-email', '/verify-email?token=', `/verify-email?token=${fields.token}&token=x`]) {
      const { answer } = await open(url);
      assert.equal(answer.statusCode, 400);
      assert.match(textOf(answer.body), /Open it once more from your e-mail/);
    }
  });
});
