import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { openApplication } from './application.ts';
import { ADA, openPages, textOf } from './open-pages.ts';

const APP = 'http://localhost:5173/welcome?tab=a%20b&tab=2';
const SCANNERS = [
  'BarracudaCentral/1.0 (link scanner)',
  'Mozilla/5.0 (compatible; Microsoft Office/16.0; Safe Links)',
  'Mozilla/5.0 (compatible; Google-Safety; +http://www.google.com/bot.html)',
  'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
  'facebookexternalhit/1.1',
];

/** A proven account, and the link that an application had mailed to it. */
async function openLink(t: TestContext, { email = ADA, redirectUrl }: { email?: string; redirectUrl?: string } = {}) {
  const pages = await openPages(t);
  await pages.press('/verify-email', await pages.signUp({ email }));
  const application = await openApplication(pages);
  return { ...pages, application, url: await application.magicLink(email, redirectUrl) };
}

/** The code that a page shows. */
const codeOn = (body: string): string => /<code id="code">([^<]*)<\/code>/.exec(body)?.[1] ?? '';

describe('the page behind a magic link', () => {
  it('says whose account and where one goes on to, and has one button', async (t) => {
    const { open, url } = await openLink(t, { redirectUrl: APP });
    const { answer } = await open(url);
    assert.equal(answer.statusCode, 200);
    assert.match(
      textOf(answer.body),
      /signs you in to the account: ada@example\.com You then go on to: localhost:5173 Sign in You did not ask/,
    );
    assert.equal(answer.body.match(/<button/g)?.length, 1);
    assert.equal(answer.body.match(/<form/g)?.length, 1);
    assert.match(answer.body, /<form method="post" action="\/magic-link">/);
    assert.doesNotMatch(answer.body, /welcome|tab=/);
  });

  it('says that a code is shown next, where there is no page to go on to', async (t) => {
    const { open, url } = await openLink(t);
    const { answer } = await open(url);
    assert.match(textOf(answer.body), /account: ada@example\.com You are then shown a code for the application/);
    assert.equal(codeOn(answer.body), '');
    assert.match(String(answer.headers['content-security-policy']), /form-action 'self';/);
  });

  it('speaks French', async (t) => {
    const { application, open, press, url } = await openLink(t, { redirectUrl: APP });
    const french = { 'accept-language': 'fr' };
    const { answer } = await open(url, french);
    assert.match(answer.body, /<html lang="fr">/);
    assert.match(
      textOf(answer.body),
      /Connectez-vous Ce lien vous connecte au compte : ada@example\.com Vous continuerez ensuite vers : localhost:5173/,
    );
    assert.match(answer.body, /au compte\u00A0:.*ce lien\u202F\? Fermez/s);
    const bare = await open(await application.magicLink(ADA), french);
    assert.match(textOf(bare.answer.body), /ada@example\.com Un code s’affichera ensuite/);
    const done = await press('/magic-link', bare, { headers: french });
    assert.match(
      textOf(done.body),
      /Votre code à usage unique .* 60 secondes\. .* Personne d’autre ne vous le demandera/,
    );
  });

  it('tells nobody where it came from, and is kept nowhere (R061)', async (t) => {
    const { open, url } = await openLink(t, { redirectUrl: APP });
    const { answer, fields } = await open(url);
    assert.equal(answer.headers['referrer-policy'], 'no-referrer');
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(answer.headers['x-frame-options'], 'DENY');
    assert.match(
      String(answer.headers['content-security-policy']),
      /^default-src 'none'; .* form-action 'self' http:\/\/localhost:5173; base-uri 'none'; frame-ancestors 'none'$/,
    );
    assert.doesNotMatch(answer.body, /(src|href|action)="(?!\/(?!\/))/);
    // The token stands in the form alone, for the script takes it out of the address.
    assert.equal(answer.body.split(fields.token).length, 2);
    assert.deepEqual(
      answer.cookies.map(({ name }) => name),
      ['guichet_form'],
    );
  });

  it('consumes nothing, however often and by whatever it is looked at', async (t) => {
    const { app, open, press, url } = await openLink(t, { redirectUrl: APP });
    const page = await open(url);
    for (const scanner of SCANNERS) {
      assert.equal((await open(url, { 'user-agent': scanner })).answer.statusCode, 200);
      const head = await app.inject({ method: 'HEAD', url, headers: { 'user-agent': scanner } });
      assert.deepEqual([head.statusCode, head.headers.location], [200, undefined]);
    }
    assert.equal((await press('/magic-link', page)).statusCode, 303);
  });

  it('goes on with 303 and a one-time code, the query kept, and signs in by it once', async (t) => {
    const { application, open, press, url } = await openLink(t, { redirectUrl: APP });
    const page = await open(url);
    const done = await press('/magic-link', page);
    assert.equal(done.statusCode, 303);
    assert.equal(done.headers['referrer-policy'], 'no-referrer');
    assert.equal(done.headers['cache-control'], 'no-store');
    assert.deepEqual(done.cookies, []);
    const location = String(done.headers.location);
    assert.ok(location.startsWith(`${APP}&code=`), location);
    assert.ok(!location.includes(page.fields.token));

    const code = new URL(location).searchParams.get('code');
    const exchanged = await application.ask('/exchange', { code });
    assert.equal(exchanged.statusCode, 200);
    assert.equal(exchanged.json().user.email, ADA);
    assert.equal((await application.ask('/exchange', { code })).statusCode, 400);
  });

  it('shows the code where there is no page to go on to, and whom not to give it', async (t) => {
    const { application, open, press, url } = await openLink(t);
    const page = await open(url);
    const done = await press('/magic-link', page);
    assert.deepEqual([done.statusCode, done.headers.location], [200, undefined]);
    assert.equal(done.headers['cache-control'], 'no-store');
    assert.match(
      textOf(done.body),
      /Your one-time code Copy it into the application .* works once, for 60 seconds\. .* Nobody else will ever ask you for it/,
    );
    assert.doesNotMatch(done.body, /<form|<input/);
    const code = codeOn(done.body);
    assert.notEqual(code, page.fields.token);
    const exchanged = await application.ask('/exchange', { code });
    assert.equal(exchanged.statusCode, 200);
    assert.equal(exchanged.json().user.email, ADA);
  });

  it('gives a code that is worth nothing after its minute', async (t) => {
    const { application, clock, open, press, url } = await openLink(t);
    const code = codeOn((await press('/magic-link', await open(url))).body);
    clock.advance({ seconds: 60 });
    assert.equal((await application.ask('/exchange', { code })).statusCode, 400);
  });

  it('works once, whatever it led to', async (t) => {
    for (const change of [{}, { redirectUrl: APP }]) {
      const { open, press, url } = await openLink(t, change);
      const page = await open(url);
      assert.ok((await press('/magic-link', page)).statusCode < 400);
      const again = await press('/magic-link', page);
      assert.deepEqual([again.statusCode, again.headers.location, codeOn(again.body)], [410, undefined, '']);
      assert.equal((await open(url)).answer.statusCode, 410);
    }
  });

  it('gives one of many that press at once a code', async (t) => {
    const { open, press, url } = await openLink(t, { redirectUrl: APP });
    const page = await open(url);
    const answers = await Promise.all(Array.from({ length: 10 }, () => press('/magic-link', page)));
    assert.deepEqual(answers.map(({ statusCode }) => statusCode).sort(), [
      303,
      ...Array.from({ length: 9 }, () => 410),
    ]);
  });

  it('is opened by a form of this browser alone, sent from our own origin', async (t) => {
    const { open, press, url } = await openLink(t, { redirectUrl: APP });
    const [page, other] = [await open(url), await open(url)];
    const refused = [
      await press('/magic-link', page, { fields: { form_token: '' } }),
      await press('/magic-link', page, { fields: { form_token: `${page.fields.form_token}=` } }),
      await press('/magic-link', { ...page, cookie: '' }),
      await press('/magic-link', { ...page, cookie: other.cookie }),
      await press('/magic-link', page, { fields: { form_token: other.fields.form_token } }),
      await press('/magic-link', page, { headers: { origin: 'https://evil.example' } }),
      await press('/magic-link', page, { headers: { origin: 'http://localhost:5173' } }),
      await press('/magic-link', page, { headers: { origin: undefined, 'sec-fetch-site': 'cross-site' } }),
    ];
    for (const { cookies, headers, statusCode } of refused) {
      assert.deepEqual([statusCode, headers.location, cookies], [403, undefined, []]);
    }
    assert.equal((await press('/magic-link', page)).statusCode, 303);
  });

  it('leads where the application asked for, whatever is written to the link or the form (R058)', async (t) => {
    const { open, press, url } = await openLink(t, { redirectUrl: APP });
    const elsewhere = { redirectUrl: 'http://localhost:9999/', redirect_url: 'http://localhost:9999/', code: 'mine' };
    const page = await open(`${url}&${new URLSearchParams(elsewhere)}`);
    assert.match(textOf(page.answer.body), /go on to: localhost:5173 /);
    assert.doesNotMatch(page.answer.body + page.answer.headers['content-security-policy'], /9999/);
    const done = await press('/magic-link', page, { fields: elsewhere });
    assert.ok(String(done.headers.location).startsWith(`${APP}&code=`));
    assert.doesNotMatch(String(done.headers.location), /9999|code=mine/);
  });

  it('is one page for a link that ran out and one that never was, in both languages', async (t) => {
    const { clock, open, press, url } = await openLink(t, { redirectUrl: APP });
    const page = await open(url);
    clock.advance({ minutes: 10 });
    for (const [language, words] of [
      ['en', /This link no longer works .* too old\. Ask the application for a new one, and open the newest message\./],
      ['fr', /Ce lien ne fonctionne plus .* trop ancien\. Demandez-en un nouveau à l’application/],
    ] as const) {
      const headers = { 'accept-language': language };
      const expired = (await open(url, headers)).answer;
      const unknown = (await open(`/magic-link?token=${'x'.repeat(43)}`, headers)).answer;
      assert.deepEqual([expired.statusCode, unknown.statusCode], [410, 410]);
      assert.equal(expired.body, unknown.body);
      assert.match(textOf(expired.body), words);
      assert.doesNotMatch(expired.body, /ada@|localhost:5173/);
      assert.doesNotMatch(String(expired.headers['content-security-policy']), /5173/);
    }
    assert.equal((await press('/magic-link', page)).statusCode, 410);
  });

  it('works until its ten minutes are over', async (t) => {
    const { clock, open, press, url } = await openLink(t, { redirectUrl: APP });
    const page = await open(url);
    clock.advance({ minutes: 9, seconds: 59 });
    assert.equal((await press('/magic-link', page)).statusCode, 303);
  });

  it('tells a link without its token from a dead one', async (t) => {
    const { open, url } = await openLink(t);
    for (const half of ['/magic-link', '/magic-link?token=', `${url}&token=x`]) {
      const { answer } = await open(half);
      assert.equal(answer.statusCode, 400);
      assert.match(textOf(answer.body), /Open it once more from your e-mail/);
    }
  });

  it('is no link for anything else, and nothing else is one', async (t) => {
    const { application, open, press, url } = await openLink(t);
    const { search } = new URL(url, 'http://localhost');
    for (const path of ['/verify-email', '/reset-password', '/change-email', '/unlock']) {
      assert.equal((await open(`${path}${search}`)).answer.statusCode, 410);
      const page = await open(url);
      assert.equal((await press(path, page, { fields: { password: 'amber harpoons drift' } })).statusCode, 410);
    }
    const reset = new URL(await application.passwordReset(ADA), 'http://localhost');
    assert.equal((await open(`/magic-link${reset.search}`)).answer.statusCode, 410);
    const page = await open(url);
    const token = reset.searchParams.get('token') ?? '';
    assert.equal((await press('/magic-link', page, { fields: { token } })).statusCode, 410);
    assert.equal((await press('/magic-link', page)).statusCode, 200);
  });

  it('shows a hostile address harmlessly', async (t) => {
    const { open, url } = await openLink(t, { email: `o'brien&{{7*7}}${'x'.repeat(40)}@example.com` });
    const { answer } = await open(url);
    assert.match(answer.body, /<bdi dir="ltr">o&#39;brien&#38;\{\{7\*7\}\}x+@example\.com<\/bdi>/);
    const hostile = '"><img src=x onerror=alert(1)>';
    const echoed = await open(`${url}${encodeURIComponent(hostile)}`, { 'accept-language': hostile });
    assert.equal(echoed.answer.statusCode, 410);
    assert.doesNotMatch(echoed.answer.body, /<img src=x/);
  });
});
