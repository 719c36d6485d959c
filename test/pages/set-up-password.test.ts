import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Failure } from '../../src/core/failure.ts';
import type { PagesParts } from '../../src/pages/pages.ts';
import type { TestWorld } from '../support/world.ts';
import { ADA, openPages, textOf } from './open-pages.ts';

const NEW = 'amber harpoons drift sideways';

/** Ada's invitation, as our page and as an application's: both forms of one link. */
async function openSetUp(t: TestContext, change?: (world: TestWorld) => Partial<PagesParts>) {
  const pages = await openPages(t, change);
  const account = await pages.identity.createAccount({ email: ADA, firstName: 'Ada' });
  const token = await pages.tokenFor(ADA);
  const { keyring } = pages.world;
  const hash = Buffer.from(keyring.digest('set-up-account', JSON.stringify([account.id, ADA])), 'base64url');
  const expires = Math.floor(pages.clock.now() / 1000) + 24 * 3600;
  const signature = Buffer.from(token, 'base64url').toString('hex');
  const path = `/setup-password/${account.id}/${hash.toString('hex')}`;
  const urls = [`/set-up-password?token=${token}`, `${path}?expires=${expires}&signature=${signature}`] as const;
  return { ...pages, account, path, expires, signature, token, urls, page: await pages.open(urls[0]) };
}

describe('the page behind a set-up link', () => {
  it('asks for a password in a way that password managers understand, by either form of the link', async (t) => {
    const { open, token, urls } = await openSetUp(t);
    for (const url of urls) {
      const { answer, fields } = await open(url);
      assert.equal(answer.statusCode, 200, url);
      assert.equal(fields.token, token);
      assert.match(
        answer.body,
        /<input type="text" name="username" autocomplete="username" value="ada@example\.com" readonly hidden>/,
      );
      assert.match(
        answer.body,
        /<form method="post" action="\/set-up-password">.*<label for="password">Password<\/label>\n<input type="password" id="password" name="password" autocomplete="new-password"/s,
      );
      assert.match(textOf(answer.body), /An account was made for you\. .* ada@example\.com .* At least \d+ characters/);
    }
  });

  it('speaks French to those who ask for it', async (t) => {
    const { open, press, page, urls } = await openSetUp(t);
    const headers = { 'accept-language': 'fr' };
    const { answer } = await open(urls[1], headers);
    assert.match(
      textOf(answer.body),
      /Choisissez votre mot de passe .* confirmez aussi son adresse : ada@example\.com/,
    );
    const refused = await press('/set-up-password', page, { fields: { password: 'x' }, headers });
    assert.match(refused.body, /trop court/);
    const done = await press('/set-up-password', page, { fields: { password: NEW }, headers });
    assert.match(textOf(done.body), /Votre compte est prêt/);
    assert.match(textOf((await open(urls[1], headers)).answer.body), /Vous avez déjà un mot de passe/);
    assert.match(textOf((await open(urls[0], headers)).answer.body), /déjà choisi un mot de passe.*qui a créé votre/);
  });

  it('consumes nothing, however often it is looked at', async (t) => {
    const { app, open, page, press, urls } = await openSetUp(t);
    for (const url of [...urls, ...urls, ...urls]) assert.equal((await open(url)).answer.statusCode, 200);
    for (const url of urls) assert.equal((await app.inject({ method: 'HEAD', url })).statusCode, 200);
    assert.equal((await press('/set-up-password', page, { fields: { password: NEW } })).statusCode, 200);
  });

  it('sets the password, proves the address and does not sign in', async (t) => {
    for (const which of [0, 1] as const) {
      const { open, press, signIn, urls } = await openSetUp(t);
      const page = await open(urls[which]);
      const done = await press('/set-up-password', page, { fields: { password: NEW } });
      assert.equal(done.statusCode, 200);
      assert.match(textOf(done.body), /Your account is ready Your password is saved/);
      assert.deepEqual(done.cookies, []);
      assert.equal((await signIn(NEW)).outcome, 'signed_in');
      assert.equal((await press('/set-up-password', page, { fields: { password: NEW } })).statusCode, 410);
      const again = await open(urls[1]);
      assert.equal(again.answer.statusCode, 410);
      assert.match(textOf(again.answer.body), /You already have a password .* sign in/);
      assert.doesNotMatch(again.answer.body, /ada@example|<form/);
      assert.match(textOf((await open(urls[0])).answer.body), /no longer works .* If you have chosen a password/);
    }
  });

  it('says what is wrong with a password above the form, which stays usable', async (t) => {
    const { page, press, signIn } = await openSetUp(t);
    for (const password of ['', 'x'.repeat(1025), 'password1234567', `${ADA}!`]) {
      const answer = await press('/set-up-password', page, { fields: { password } });
      assert.equal(answer.statusCode, 422);
      assert.match(
        answer.body,
        /<p class="alert" role="alert" id="flaw">.*<form .*aria-describedby="flaw hint" aria-invalid="true"/s,
      );
      assert.ok(password === '' || !answer.body.includes(`"${password}"`));
    }
    assert.equal((await press('/set-up-password', page, { fields: { password: NEW } })).statusCode, 200);
    assert.equal((await signIn(NEW)).outcome, 'signed_in');
  });

  it('is one page for every link that leads nowhere: unknown, altered, too old', async (t) => {
    const { account, clock, expires, open, path, signature, token, urls } = await openSetUp(t);
    const query = `?expires=${expires}&signature=${signature}`;
    const dead = [
      `/set-up-password?token=${'A'.repeat(43)}`,
      `/set-up-password?token=${signature}`,
      `${path.replace(`/${account.id}/`, '/999999/')}${query}`,
      `${path.replace(`/${account.id}/`, '/0/')}${query}`,
      `${path.replace(`/${account.id}/`, `/0${account.id}/`)}${query}`,
      `${path.replace(`/${account.id}/`, '/99999999999999999999/')}${query}`,
      `${path.replace(`/${account.id}/`, '/ada/')}${query}`,
      `${path.slice(0, -1)}${query}`,
      `${path.slice(0, -1)}%00${query}`,
      `${path}?expires=${expires + 1}&signature=${signature}`,
      `${path}?expires=0x${expires.toString(16)}&signature=${signature}`,
      `${path}?expires=${expires}&signature=${'0'.repeat(64)}`,
      `${path}?expires=${expires}&signature=${token}`,
    ];
    const pages = new Set<string>();
    for (const url of dead) {
      const { answer } = await open(url);
      assert.equal(answer.statusCode, 410, url);
      pages.add(answer.body);
    }
    clock.advance({ days: 1 });
    for (const url of urls) pages.add((await open(url)).answer.body);
    assert.equal(pages.size, 1);
  });

  it('asks to open the link again when a part of it is missing', async (t) => {
    const { expires, open, path, signature } = await openSetUp(t);
    const halves = [
      '/set-up-password',
      '/set-up-password?token=',
      path,
      `${path}?expires=${expires}`,
      `${path}?signature=${signature}`,
      `${path}?expires=${expires}&signature=${signature}&signature=${signature}`,
    ];
    for (const url of halves) {
      const { answer } = await open(url);
      assert.equal(answer.statusCode, 400, url);
      assert.match(textOf(answer.body), /This link is not complete/);
    }
  });

  it('takes no form of another site, of another browser, or without a form token', async (t) => {
    const { open, page, press, urls } = await openSetUp(t);
    const fields = { password: NEW };
    const strangers = await open(urls[0]);
    const refused = [
      await press('/set-up-password', page, { fields, headers: { origin: 'https://evil.example' } }),
      await press('/set-up-password', page, { fields, headers: { origin: undefined, 'sec-fetch-site': 'cross-site' } }),
      await press('/set-up-password', page, { fields: { ...fields, form_token: '' } }),
      await press('/set-up-password', { ...page, cookie: strangers.cookie }, { fields }),
    ];
    assert.deepEqual(
      refused.map(({ statusCode }) => statusCode),
      [403, 403, 403, 403],
    );
    assert.equal((await press('/set-up-password', page, { fields })).statusCode, 200);
  });

  it('is answered under no other method', async (t) => {
    const { app, urls } = await openSetUp(t);
    const answers = await Promise.all([
      app.inject({ method: 'POST', url: urls[1] }),
      app.inject({ method: 'PUT', url: urls[0] }),
    ]);
    assert.deepEqual(
      answers.map(({ headers, statusCode }) => [statusCode, headers['allow']]),
      [
        [405, 'GET, HEAD'],
        [405, 'GET, POST, HEAD'],
      ],
    );
  });

  it('asks to come back when too much is being hashed, and offers the way', async (t) => {
    const overloaded = async () => {
      throw new Failure('overloaded', { retryAfterSeconds: 3 });
    };
    const { page, press, urls } = await openSetUp(t, ({ identity }) => ({
      identity: { ...identity, finishSetUp: overloaded },
    }));
    const answer = await press('/set-up-password', page, { fields: { password: NEW } });
    assert.deepEqual([answer.statusCode, answer.headers['retry-after']], [503, '3']);
    assert.match(answer.body, new RegExp(`<a class="button" href="${urls[0].replace('?', '\\?')}">Try again</a>`));
  });
});
