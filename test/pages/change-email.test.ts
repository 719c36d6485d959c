import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { openApplication } from './application.ts';
import { ADA, caller, openPages, PASSWORD, textOf } from './open-pages.ts';

const NEW = 'ada.lovelace@example.com';

/** Ada's proven account, and the link that went to the address that she wants it to have. */
async function openChange(t: TestContext, newEmail = NEW) {
  const pages = await openPages(t);
  await pages.press('/verify-email', await pages.signUp());
  const application = await openApplication(pages);
  const url = await application.emailChange({ email: ADA, password: PASSWORD, newEmail });
  const signInAs = async (identifier: string): Promise<string> => {
    const answer = await pages.identity.signInWithPassword({
      contract: 'cookie',
      identifier,
      password: PASSWORD,
      caller,
      mustBeProven: 'email',
      replaces: {},
    });
    return answer.outcome;
  };
  return { ...pages, signInAs, url };
}

describe('the page behind the link to a new address', () => {
  it('says which address, in both languages, and has one button', async (t) => {
    const { open, url } = await openChange(t);
    for (const [language, words] of [
      ['en', /this address becomes the one of your account: ada\.lovelace@example\.com Confirm my new address/],
      ['fr', /cette adresse devient celle de votre compte : ada\.lovelace@example\.com Confirmer ma nouvelle adresse/],
    ] as const) {
      const { answer } = await open(url, { 'accept-language': language });
      assert.equal(answer.statusCode, 200);
      assert.match(textOf(answer.body), words);
      assert.match(answer.body, /<form method="post" action="\/change-email">/);
      assert.equal(answer.body.match(/<button/g)?.length, 1);
      // Whoever holds the new address need not be who holds the account.
      assert.doesNotMatch(answer.body, /ada@example\.com/);
    }
  });

  it('tells nobody where it came from, and is kept nowhere (R061)', async (t) => {
    const { open, url } = await openChange(t);
    const { answer, fields } = await open(url);
    assert.equal(answer.headers['referrer-policy'], 'no-referrer');
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.match(String(answer.headers['content-security-policy']), /form-action 'self';/);
    assert.equal(answer.body.split(fields.token).length, 2);
  });

  it('consumes nothing, however often it is looked at', async (t) => {
    const { app, open, press, signInAs, url } = await openChange(t);
    const scanner = { 'user-agent': 'BarracudaCentral/1.0 (link scanner)' };
    for (let times = 0; times < 5; times += 1) assert.equal((await open(url, scanner)).answer.statusCode, 200);
    assert.equal((await app.inject({ method: 'HEAD', url, headers: scanner })).statusCode, 200);
    assert.equal(await signInAs(ADA), 'signed_in');
    await assert.rejects(signInAs(NEW), { code: 'invalid_credentials' });
    assert.equal((await press('/change-email', await open(url))).statusCode, 200);
  });

  it('changes the address at its button, once', async (t) => {
    const { open, press, signInAs, url } = await openChange(t);
    const page = await open(url);
    const done = await press('/change-email', page);
    assert.deepEqual([done.statusCode, done.headers.location], [200, undefined]);
    assert.match(textOf(done.body), /Address changed From now on, sign in with your new address\./);
    assert.deepEqual(done.cookies, []);
    assert.equal(await signInAs(NEW), 'signed_in');
    await assert.rejects(signInAs(ADA), { code: 'invalid_credentials' });
    assert.equal((await press('/change-email', page)).statusCode, 410);
    assert.equal(await signInAs(NEW), 'signed_in');
  });

  it('says so in French', async (t) => {
    const { open, press, url } = await openChange(t);
    const done = await press('/change-email', await open(url), { headers: { 'accept-language': 'fr' } });
    assert.match(textOf(done.body), /Adresse modifiée Désormais, connectez-vous avec votre nouvelle adresse\./);
  });

  it('is taken from a form of this browser alone, sent from our own origin', async (t) => {
    const { open, press, signInAs, url } = await openChange(t);
    const [page, other] = [await open(url), await open(url)];
    const refused = [
      await press('/change-email', page, { fields: { form_token: '' } }),
      await press('/change-email', { ...page, cookie: '' }),
      await press('/change-email', { ...page, cookie: other.cookie }),
      await press('/change-email', page, { headers: { origin: 'https://evil.example' } }),
    ];
    for (const { cookies, statusCode } of refused) assert.deepEqual([statusCode, cookies], [403, []]);
    assert.equal(await signInAs(ADA), 'signed_in');
    assert.equal((await press('/change-email', page)).statusCode, 200);
  });

  it('says that the address has gone to another account meanwhile, and changes nothing', async (t) => {
    const { open, press, signInAs, signUp, url } = await openChange(t);
    const page = await open(url);
    await press('/verify-email', await signUp({ email: NEW, name: 'Eve' }));
    for (const [language, words] of [
      ['en', /This address has another account .* nothing was changed\. Sign in to that account/],
      ['fr', /Cette adresse a déjà un autre compte .* rien n’a été modifié\. Connectez-vous à cet autre compte/],
    ] as const) {
      const answer = await press('/change-email', page, { headers: { 'accept-language': language } });
      assert.equal(answer.statusCode, 409);
      assert.match(textOf(answer.body), words);
    }
    assert.equal(await signInAs(ADA), 'signed_in');
  });

  it('is one page for a link that ran out and one that never was, in both languages', async (t) => {
    const { clock, open, press, signInAs, url } = await openChange(t);
    const page = await open(url);
    clock.advance({ minutes: 60 });
    for (const [language, words] of [
      ['en', /This link no longer works .* If your account has the new address, there is nothing else to do/],
      ['fr', /Ce lien ne fonctionne plus .* Si votre compte a déjà la nouvelle adresse/],
    ] as const) {
      const headers = { 'accept-language': language };
      const expired = (await open(url, headers)).answer;
      const unknown = (await open(`/change-email?token=${'x'.repeat(43)}`, headers)).answer;
      assert.deepEqual([expired.statusCode, unknown.statusCode], [410, 410]);
      assert.equal(expired.body, unknown.body);
      assert.match(textOf(expired.body), words);
      assert.doesNotMatch(expired.body, /lovelace/);
    }
    assert.equal((await press('/change-email', page)).statusCode, 410);
    assert.equal(await signInAs(ADA), 'signed_in');
  });

  it('tells a link without its token from a dead one', async (t) => {
    const { open, url } = await openChange(t);
    for (const half of ['/change-email', '/change-email?token=', `${url}&token=x`]) {
      const { answer } = await open(half);
      assert.equal(answer.statusCode, 400);
      assert.match(textOf(answer.body), /Open it once more from your e-mail/);
    }
  });

  it('shows a hostile address harmlessly', async (t) => {
    const { open, url } = await openChange(t, `o'brien&{{7*7}}${'x'.repeat(40)}@example.com`);
    const { answer } = await open(url);
    assert.match(answer.body, /<bdi dir="ltr">o&#39;brien&#38;\{\{7\*7\}\}x+@example\.com<\/bdi>/);
  });
});
