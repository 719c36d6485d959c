import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SoftwareAuthenticator } from '../../support/software-authenticator.ts';
import { tally } from '../../support/stage.ts';
import { type Answer, type Client, ORIGIN, PASSWORD, PREFIX } from './client.ts';
import {
  codeIn,
  comeBack,
  INVALID,
  kept,
  leave,
  letInBy,
  type OAuthWorld,
  RETURN,
  refusal,
  STATE_COOKIE,
  sharedOAuth,
  signInBy,
  toldBy,
} from './oauth-world.ts';

const said = ({ body, status }: Answer) => ({ status, body });
const done = (message: string) => ({ status: 200, body: { success: true, message } });
const LINKED = done('Provider linked');
const UNLINKED = done('Provider unlinked');
const TAKEN = {
  status: 409,
  body: { error: 'PROVIDER_ALREADY_LINKED', message: 'This provider is linked to an account already' },
};
const LAST = {
  status: 409,
  body: {
    error: 'LAST_SIGN_IN_METHOD',
    message: 'Nothing else would let you sign in: set a password or add another way first',
  },
};
const STALE = {
  status: 403,
  body: { error: 'REAUTH_REQUIRED', message: 'Please confirm your identity again before this change' },
};

/** Begins in a session. @returns the path to send a browser to */
async function begin(client: Client, provider: string, body: object = { redirectUrl: RETURN }): Promise<string> {
  const answer = await client.post(`/oauth/${provider}/link`, body);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(Object.keys(answer.body), ['url']);
  return (answer.body.url ?? '').slice(ORIGIN.length);
}

/** Follows the way that a session was given. @returns what the callback answers */
async function follow(world: OAuthWorld, browser: Client, provider: string, path: string): Promise<Answer> {
  const left = await browser.askAt('GET', path, { token: null });
  assert.equal(left.status, 302, left.text);
  const back = await world.stand(provider).signInAt(left.location ?? '');
  return comeBack(browser, new URL(back));
}

/** The whole way. @returns the code that the application is handed */
const identified = async (world: OAuthWorld, client: Client, provider: string): Promise<string> =>
  codeIn(await follow(world, world.another(), provider, await begin(client, provider)));

/** Links somebody nobody knows to a signed-in account. */
async function link(world: OAuthWorld, client: Client, provider: 'github' | 'google' | 'acme'): Promise<void> {
  if (provider === 'github') world.octocat();
  else if (provider === 'google') world.googler({});
  else world.acmePerson({});
  const code = await identified(world, client, provider);
  assert.deepEqual(said(await client.post(`/oauth/${provider}/link`, { code })), LINKED);
}

async function linkedTo(client: Client): Promise<unknown[]> {
  const answer = await client.get('/accounts');
  assert.equal(answer.status, 200, answer.text);
  return (answer.body.accounts ?? []).map(({ provider }) => provider);
}

/** An account that a provider made: it has no password. */
async function withoutPassword(world: OAuthWorld, provider: 'github' | 'acme' = 'github') {
  const { email } = provider === 'github' ? world.octocat() : world.acmePerson({});
  const client = world.another();
  await letInBy(world, client, provider);
  return { client, email };
}

describe('linking a provider', () => {
  const open = sharedOAuth();

  it('R103: goes by a URL, a code for the application, and the session that asked', async () => {
    const world = open();
    const { account, client, email } = await world.signedIn();
    assert.deepEqual(said(await client.get('/accounts')), { status: 200, body: { accounts: [] } });
    const person = world.octocat();
    const path = await begin(client, 'github');
    assert.match(path, new RegExp(`^${PREFIX}/oauth/github\\?ticket=[\\w-]{43}$`));

    const browser = world.another();
    const left = await browser.askAt('GET', path, { token: null });
    assert.equal(browser.cookies.size, 1);
    assert.equal(browser.cookies.has(STATE_COOKIE), true);
    assert.match(String(left.headers['set-cookie']), /Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/);
    const { searchParams } = new URL(left.location ?? '');
    assert.equal(searchParams.get('code_challenge_method'), 'S256');
    const code = codeIn(await comeBack(browser, new URL(await world.github.signInAt(left.location ?? ''))));
    assert.deepEqual(await linkedTo(client), [], 'the way there and back links nothing by itself');

    assert.deepEqual(said(await client.post('/oauth/github/link', { code })), LINKED);
    const at = new Date(world.clock.now()).toISOString();
    assert.deepEqual((await client.get('/accounts')).body, {
      accounts: [{ provider: 'github', email: person.email, createdAt: at, lastUsedAt: null }],
    });
    const notices = await world.mails(email);
    assert.deepEqual(
      notices.filter(({ subject }) => /GitHub/.test(subject)).map(({ code, links, subject }) => [subject, code, links]),
      [['Signing in with GitHub was turned on', null, []]],
    );
    assert.deepEqual(await world.mails(person.email), []);
    const byGitHub = await letInBy(world, world.another(), 'github');
    assert.equal(byGitHub.body.user?.id, `user_${account.uuid}`);
    assert.deepEqual(said(await client.post('/oauth/github/link', { code })), INVALID, 'the code works once');
  });

  it('R103: without a return hands the code over itself, and is no sign-in', async () => {
    const world = open();
    const { client } = await world.signedIn();
    world.acmePerson({});
    const answer = await follow(world, world.another(), 'acme', await begin(client, 'acme', {}));
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Object.keys(answer.body), ['code']);
    assert.deepEqual(said(await world.another().post('/exchange', { code: answer.body.code })), INVALID);
    assert.deepEqual(said(await client.post('/oauth/acme/link', { code: answer.body.code })), LINKED);
  });

  it('asks nothing of the address: its owner is signed in already', async () => {
    const world = open();
    for (const claims of [{ email: undefined }, { email_verified: false }, { email: 'somebody@else.example' }]) {
      const { client } = await world.signedIn();
      world.acmePerson(claims);
      const code = await identified(world, client, 'acme');
      assert.deepEqual(said(await client.post('/oauth/acme/link', { code })), LINKED);
      assert.deepEqual(await linkedTo(client), ['acme']);
    }
  });

  it('R103: is begun by a fresh session alone', async () => {
    const world = open();
    const { client } = await world.signedIn();
    world.clock.advance({ minutes: 10 });
    await begin(client, 'github');
    world.clock.advance({ milliseconds: 1 });
    assert.deepEqual(said(await client.post('/oauth/github/link', { redirectUrl: RETURN })), STALE);
    const wrong = await client.post('/oauth/github/link', { redirectUrl: RETURN, password: 'not the password' });
    assert.deepEqual(refusal(wrong), [401, 'INVALID_CREDENTIALS']);
    await begin(client, 'github', { redirectUrl: RETURN, password: PASSWORD });

    const none = await world.another().post('/oauth/github/link', {});
    assert.deepEqual(refusal(none), [401, 'INVALID_TOKEN']);
    const newcomer = world.another();
    await newcomer.signUp(world.address('newcomer'));
    assert.deepEqual(refusal(await newcomer.post('/oauth/github/link', {})), [403, 'EMAIL_NOT_VERIFIED']);
  });

  it('R103: on an account with a second factor wants that one', async () => {
    const world = open();
    const { client } = await world.signedIn();
    const { secret } = await world.enrol(client);
    world.clock.advance({ minutes: 10 });
    assert.deepEqual(said(await client.post('/oauth/github/link', { password: PASSWORD })), STALE);
    const wrong = await client.post('/oauth/github/link', { password: PASSWORD, totpCode: '000000' });
    assert.deepEqual(refusal(wrong), [401, 'INVALID_TOTP']);
    await begin(client, 'github', { password: PASSWORD, totpCode: world.totp(secret) });
  });

  it('R103: is not begun by a cookie, and not from elsewhere', async () => {
    const world = open();
    const { client } = await world.signedIn();
    const bystander = world.another();
    bystander.cookies.set('token', client.token ?? '');
    assert.deepEqual(refusal(await bystander.post('/oauth/github/link', {})), [401, 'INVALID_TOKEN']);
    const foreign = await client.post('/oauth/github/link', {}, { headers: { origin: 'https://evil.example' } });
    assert.deepEqual(refusal(foreign), [403, 'FORBIDDEN_ORIGIN']);
    const inQuery = await world.another().post(`/oauth/github/link?token=${client.token}`, {});
    assert.deepEqual(refusal(inQuery), [401, 'INVALID_TOKEN']);
  });

  it('R103: is completed by the session that began it and by no other, of whomever', async () => {
    const world = open();
    const { account, client, email } = await world.signedIn();
    const { client: stranger } = await world.signedIn();
    const second = world.another();
    await second.signIn(email);
    world.octocat();
    const code = await identified(world, client, 'github');
    for (const other of [stranger, second]) {
      assert.deepEqual(said(await other.post('/oauth/github/link', { code })), INVALID);
      assert.deepEqual(await linkedTo(other), []);
    }
    assert.deepEqual(refusal(await world.another().post('/oauth/github/link', { code })), [401, 'INVALID_TOKEN']);
    assert.deepEqual(said(await client.post('/oauth/google/link', { code })), INVALID);
    assert.deepEqual(said(await client.post('/oauth/acme/link', { code })), INVALID);
    assert.deepEqual(said(await world.another().post('/exchange', { code })), INVALID);
    // None of them has used it up.
    assert.deepEqual(said(await client.post('/oauth/github/link', { code })), LINKED);
    assert.equal((await world.world.store.linkedIdentities.list(account.id)).length, 1);
  });

  it('R103: an application’s code of a sign-in links nothing', async () => {
    const world = open();
    const { client } = await world.signedIn();
    world.octocat();
    const code = codeIn(await signInBy(world, world.another(), 'github', { redirectUrl: RETURN }));
    assert.deepEqual(said(await client.post('/oauth/github/link', { code })), INVALID);
    for (const text of ['x', 'A'.repeat(43), ' ']) {
      assert.deepEqual(said(await client.post('/oauth/github/link', { code: text })), INVALID);
    }
    assert.deepEqual(await linkedTo(client), []);
  });

  it('R103: a victim who is sent along an attacker’s way gives nothing away, and gets nothing', async () => {
    const world = open();
    const { client: attacker } = await world.signedIn();
    const { client: victim } = await world.signedIn();
    world.octocat();
    const browser = world.another();
    // The victim's browser goes the attacker's way, signed in at GitHub as the victim; the victim's application gets the code.
    const code = codeIn(await follow(world, browser, 'github', await begin(attacker, 'github')));
    assert.deepEqual(said(await victim.post('/oauth/github/link', { code })), INVALID);
    assert.deepEqual([await linkedTo(victim), await linkedTo(attacker)], [[], []]);

    // And the attacker's own way back, opened in the victim's browser while the victim is linking.
    const own = await begin(victim, 'github');
    const left = await browser.askAt('GET', own, { token: null });
    assert.equal(left.status, 302);
    const attackersBrowser = world.another();
    const attackersWay = await leave(attackersBrowser, 'github', { redirectUrl: RETURN });
    world.octocat();
    const attackersReturn = new URL(await world.github.signInAt(attackersWay.location ?? ''));
    assert.deepEqual(said(await comeBack(browser, attackersReturn)), INVALID);
    assert.deepEqual(await linkedTo(victim), []);
  });

  it('R097: a way to a provider is gone once, by one browser, to that provider', async () => {
    const world = open();
    const { client } = await world.signedIn();
    world.octocat();
    const path = await begin(client, 'github');
    const elsewhere = await world.another().askAt('GET', path.replace('github', 'google'));
    assert.deepEqual(said(elsewhere), INVALID);
    assert.equal(elsewhere.headers['set-cookie'], undefined);
    const [one, other] = [world.another(), world.another()];
    const [oneLeft, otherLeft] = [await one.askAt('GET', path), await other.askAt('GET', path)];
    assert.equal(oneLeft.status, 302);
    codeIn(await comeBack(one, new URL(await world.github.signInAt(oneLeft.location ?? ''))));
    if (otherLeft.status === 302) {
      const back = await comeBack(other, new URL(await world.github.signInAt(otherLeft.location ?? '')));
      assert.deepEqual(toldBy(back), { error: 'token_invalid' });
    }
    assert.deepEqual(said(await world.another().askAt('GET', path)), INVALID);
    for (const ticket of ['', 'x', 'A'.repeat(43)]) {
      const answer = await leave(world.another(), 'github', { ticket });
      assert.deepEqual(said(answer), INVALID, ticket);
      assert.equal(answer.headers['set-cookie'], undefined);
    }
  });

  it('R097: lives ten minutes on the way, and its code one', async () => {
    const world = open();
    const { client } = await world.signedIn();
    world.octocat();
    const late = await begin(client, 'github');
    const halfway = await begin(client, 'github');
    const browser = world.another();
    const left = await browser.askAt('GET', halfway);
    const back = new URL(await world.github.signInAt(left.location ?? ''));
    const code = await identified(world, client, 'github');
    world.clock.advance({ minutes: 1 });
    assert.deepEqual(said(await client.post('/oauth/github/link', { code })), INVALID);
    world.clock.advance({ minutes: 9 });
    assert.deepEqual(said(await world.another().askAt('GET', late)), INVALID);
    assert.deepEqual(toldBy(await comeBack(browser, back)), { error: 'token_expired' });
    assert.deepEqual(await linkedTo(client), []);
  });

  it('R103: ends with the session that began it, and with a change of the account', async () => {
    const world = open();
    const { client } = await world.signedIn();
    world.octocat();
    const path = await begin(client, 'github');
    const code = await identified(world, client, 'github');
    const changed = await client.post('/change-password', {
      currentPassword: PASSWORD,
      newPassword: 'granite otter parade',
    });
    assert.equal(changed.status, 200, changed.text);
    assert.deepEqual(said(await client.post('/oauth/github/link', { code })), INVALID);
    assert.deepEqual(said(await world.another().askAt('GET', path)), INVALID);

    const next = await identified(world, client, 'github');
    await client.post('/sign-out');
    assert.deepEqual(refusal(await client.post('/oauth/github/link', { code: next })), [401, 'INVALID_TOKEN']);
  });

  it('R103: is refused where the provider’s person is linked already, or the account has another', async () => {
    const world = open();
    const { client, email } = await world.signedIn();
    const { id } = world.octocat();
    assert.deepEqual(
      said(await client.post('/oauth/github/link', { code: await identified(world, client, 'github') })),
      LINKED,
    );
    const { client: other } = await world.signedIn();
    const sameOfAnother = await identified(world, other, 'github');
    assert.deepEqual(said(await other.post('/oauth/github/link', { code: sameOfAnother })), TAKEN);
    assert.deepEqual(await linkedTo(other), []);

    const sameAgain = await identified(world, client, 'github');
    assert.deepEqual(said(await client.post('/oauth/github/link', { code: sameAgain })), TAKEN);
    world.octocat();
    const another = await identified(world, client, 'github');
    assert.deepEqual(said(await client.post('/oauth/github/link', { code: another })), TAKEN);
    world.octocat({ id });
    assert.equal((await letInBy(world, world.another(), 'github')).body.user?.email, email);
  });

  it('R103: of twenty who present one code side by side one links', async () => {
    const world = open();
    const { account, client, email } = await world.signedIn();
    world.octocat();
    const code = await identified(world, client, 'github');
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.post('/oauth/github/link', { code })));
    const count = tally(answers.map(({ status }) => String(status)));
    assert.deepEqual(count, { 200: 1, 400: 19 });
    assert.equal((await world.world.store.linkedIdentities.list(account.id)).length, 1);
    assert.equal((await world.mails(email)).filter(({ subject }) => /GitHub/.test(subject)).length, 1);
  });

  it('R103: of two accounts that link one person side by side one does', async () => {
    const world = open();
    const { client: one } = await world.signedIn();
    const { client: other } = await world.signedIn();
    world.octocat();
    const codes = [await identified(world, one, 'github'), await identified(world, other, 'github')];
    const answers = await Promise.all(
      [one, other].map((client, index) => client.post('/oauth/github/link', { code: codes[index] })),
    );
    assert.deepEqual(tally(answers.map(({ status }) => String(status))), { 200: 1, 409: 1 });
  });

  it('tells the application of a person who says no, and of a provider that says nothing', async () => {
    const world = open();
    const { client } = await world.signedIn();
    const before = await kept(world);
    world.google.refuses = true;
    try {
      const refused = await follow(world, world.another(), 'google', await begin(client, 'google'));
      assert.deepEqual(toldBy(refused), { error: 'provider_refused' });
    } finally {
      world.google.refuses = false;
    }
    world.octocat();
    world.github.lies['/login/oauth/access_token'] = (response) => void response.writeHead(500).end();
    const path = await begin(client, 'github');
    try {
      const away = await follow(world, world.another(), 'github', path);
      assert.deepEqual(toldBy(away), { error: 'provider_unavailable' });
    } finally {
      world.github.lies = {};
    }
    // The way that came to nothing is over; another one leads there.
    assert.equal((await world.another().askAt('GET', path)).status, 400);
    codeIn(await follow(world, world.another(), 'github', await begin(client, 'github')));
    const { linked_identity, session } = await kept(world);
    assert.deepEqual(
      { linked_identity, session },
      { linked_identity: before['linked_identity'], session: before['session'] },
    );
  });

  it('R103: a link request that opens nothing is told where it is wrong', async () => {
    const world = open();
    const { client } = await world.signedIn();
    const elsewhere = await client.post('/oauth/github/link', { redirectUrl: 'https://evil.example/' });
    const fields = { redirectUrl: 'This value is not accepted' };
    assert.deepEqual(refusal(elsewhere), [400, 'VALIDATION_ERROR', { fields }]);
    for (const body of [{ code: 7 }, { code: '' }, { code: null }, { redirectUrl: 7 }]) {
      assert.deepEqual(refusal(await client.post('/oauth/github/link', body)).slice(0, 2), [400, 'VALIDATION_ERROR']);
    }
  });
});

describe('unlinking a provider', () => {
  const open = sharedOAuth();

  it('R103: takes it away, and its owner is told', async () => {
    const world = open();
    const { client, email } = await world.signedIn();
    await link(world, client, 'acme');
    assert.deepEqual(said(await client.delete('/accounts/acme')), UNLINKED);
    assert.deepEqual(await linkedTo(client), []);
    const subjects = (await world.mails(email)).map(({ subject }) => subject);
    const notices = subjects.filter((subject) => /Acme/.test(subject)).sort();
    assert.deepEqual(notices, ['Signing in with Acme was turned off', 'Signing in with Acme was turned on']);
    assert.equal((await client.get('/session')).status, 200);
    const again = await letInBy(world, world.another(), 'acme');
    assert.notEqual(again.body.user?.email, email);
  });

  it('R103: leaves no way in open that the provider had opened', async () => {
    const world = open();
    const { client } = await world.signedIn();
    await link(world, client, 'acme');
    const code = codeIn(await signInBy(world, world.another(), 'acme', { redirectUrl: RETURN }));
    const halfway = await identified(world, client, 'google');
    assert.deepEqual(said(await client.delete('/accounts/acme')), UNLINKED);
    assert.deepEqual(said(await world.another().post('/exchange', { code })), INVALID);
    assert.deepEqual(said(await client.post('/oauth/google/link', { code: halfway })), INVALID);
  });

  it('R103: is done by a fresh session alone, of somebody who has it', async () => {
    const world = open();
    const { client } = await world.signedIn();
    await link(world, client, 'acme');
    world.clock.advance({ minutes: 10, milliseconds: 1 });
    assert.deepEqual(said(await client.delete('/accounts/acme')), STALE);
    assert.deepEqual(refusal(await client.delete('/accounts/acme', { password: 'not the password' })), [
      401,
      'INVALID_CREDENTIALS',
    ]);
    assert.deepEqual(refusal(await world.another().delete('/accounts/acme')), [401, 'INVALID_TOKEN']);
    const { client: stranger } = await world.signedIn();
    assert.deepEqual(refusal(await stranger.delete('/accounts/acme')), [404, 'NOT_FOUND']);
    assert.deepEqual(await linkedTo(client), ['acme']);
    assert.deepEqual(said(await client.delete('/accounts/acme', { password: PASSWORD })), UNLINKED);
  });

  it('R103: of what is not linked is told that there is nothing', async () => {
    const world = open();
    const { client } = await world.signedIn();
    const body = { error: 'NOT_FOUND', message: 'There is nothing here' };
    for (const name of ['github', 'gitlab', 'GitHub', 'constructor', '__proto__', 'x'.repeat(65), 'a%00b']) {
      assert.deepEqual(said(await client.delete(`/accounts/${name}`)), { status: 404, body }, name);
    }
  });

  it('R103: on an account with a second factor wants that one', async () => {
    const world = open();
    const { client } = await world.signedIn();
    await link(world, client, 'acme');
    const { secret } = await world.enrol(client);
    const second = world.another();
    // A session that was there before the factor and has not passed it.
    world.clock.advance({ minutes: 10 });
    second.token = client.token;
    assert.deepEqual(said(await second.delete('/accounts/acme')), STALE);
    assert.deepEqual(said(await second.delete('/accounts/acme', { password: PASSWORD })), STALE);
    const proofs = { password: PASSWORD, totpCode: world.totp(secret) };
    assert.deepEqual(said(await second.delete('/accounts/acme', proofs)), UNLINKED);
  });

  it('R103: never takes the last way in', async () => {
    const world = open();
    const { client } = await withoutPassword(world);
    const before = await kept(world);
    assert.deepEqual(said(await client.delete('/accounts/github')), LAST);
    assert.deepEqual(await kept(world), before);

    // A second provider is a way in, until it is the last one.
    await link(world, client, 'acme');
    assert.deepEqual(said(await client.delete('/accounts/github')), UNLINKED);
    assert.deepEqual(said(await client.delete('/accounts/acme')), LAST);
  });

  it('R103: a passkey is a way in, and so is a password of one’s own', async () => {
    const world = open();
    const { client } = await withoutPassword(world);
    const asked = await client.post('/passkey/register');
    const response = new SoftwareAuthenticator().register(asked.body.options ?? {}, { origin: ORIGIN });
    assert.equal((await client.post('/passkey/register', { response })).status, 200);
    assert.deepEqual(said(await client.delete('/accounts/github')), UNLINKED);

    const { client: other } = await withoutPassword(world);
    assert.equal((await other.post('/change-password', { newPassword: PASSWORD })).status, 200);
    assert.deepEqual(said(await other.delete('/accounts/github')), UNLINKED);
  });

  it('R103: neither the provider nor the passkey goes last, side by side', async () => {
    const world = open();
    const { client } = await withoutPassword(world);
    const asked = await client.post('/passkey/register');
    const response = new SoftwareAuthenticator().register(asked.body.options ?? {}, { origin: ORIGIN });
    const { passkey } = (await client.post('/passkey/register', { response })).body;
    const answers = await Promise.all([client.delete('/accounts/github'), client.delete(`/passkeys/${passkey?.id}`)]);
    const outcomes = tally(answers.map(({ body, status }) => `${status} ${body.error ?? 'done'}`));
    const left = (await linkedTo(client)).length + ((await client.get('/passkeys')).body.passkeys ?? []).length;
    assert.equal(left, 1);
    assert.deepEqual(outcomes, { '200 done': 1, '409 LAST_SIGN_IN_METHOD': 1 });
  });

  it('R103: a provider that the server no longer knows is no way in', async () => {
    const world = open();
    const { client, email } = await withoutPassword(world);
    const account = await world.identity.findAccount({ name: email });
    const now = world.clock.now();
    await world.world.store.transaction(({ linkedIdentities }) =>
      linkedIdentities.add({
        provider: 'retired',
        subject: `retired-${account.id}`,
        accountId: account.id,
        email,
        createdAt: now,
        lastUsedAt: now,
      }),
    );
    assert.deepEqual(said(await client.delete('/accounts/github')), LAST);
    assert.deepEqual(said(await client.delete('/accounts/retired')), UNLINKED);
  });

  it('R103: of two that go side by side one stays', async () => {
    const world = open();
    const { client } = await withoutPassword(world);
    await link(world, client, 'acme');
    const answers = await Promise.all(['github', 'acme'].map((name) => client.delete(`/accounts/${name}`)));
    const outcomes = tally(answers.map(({ body, status }) => `${status} ${body.error ?? 'done'}`));
    assert.equal((await linkedTo(client)).length, 1);
    assert.deepEqual(outcomes, { '200 done': 1, '409 LAST_SIGN_IN_METHOD': 1 });
  });

  it('goes with the account', async () => {
    const world = open();
    const { client, email } = await withoutPassword(world, 'acme');
    const account = await world.identity.findAccount({ name: email });
    assert.equal((await client.delete('/user')).status, 200);
    assert.deepEqual(await world.world.store.linkedIdentities.list(account.id), []);
    const { linked_identity: rows = '' } = await kept(world);
    assert.equal(rows.includes(email), false);
  });
});
