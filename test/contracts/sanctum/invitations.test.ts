import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { hasPostgres } from '../../support/databases.ts';
import { listenOnLoopback } from '../../support/loopback.ts';
import { shared } from '../../support/shared.ts';
import {
  type Answer,
  assertGuest,
  assertInvalid,
  assertRefused,
  type Client,
  type OpenedClient,
  openClient,
  PASSWORD,
  sharedWorld,
} from './client.ts';
import { askLine, linesNamed } from './shape-lines.ts';

const NEW_PASSWORD = 'copper lantern quarry';
const FORM = { password: NEW_PASSWORD, password_confirmation: NEW_PASSWORD };
const INVALID = 'This password setup link is invalid.';
const EXPIRED = 'This password setup link has expired. Please contact your administrator to request a new one.';
const DONE = 'You have already set up your password. Please log in.';
const SET_UP = 'Your password has been set up successfully. You can now log in.';
const RESENT =
  'If an account exists with that email address and has not yet set up a password, you will receive an email with the setup link.';
const NO_PASSWORD = { password: ['The password field is required.'] };
const DAY = 24 * 60 * 60;

let people = 0;

/** The parts of a mailed link. */
interface Link {
  id: string;
  hash: string;
  expires: string;
  signature: string;
}

const pathOf = ({ id, hash, expires, signature }: Link): string =>
  `/auth/setup-password/${id}/${hash}?expires=${expires}&signature=${signature}`;

async function newestLink({ mails }: OpenedClient, email: string): Promise<Link> {
  const url = new URL((await mails(email))[0]?.links[0] ?? assert.fail(`nothing was mailed to ${email}`));
  const [, page, id = '', hash = ''] = url.pathname.split('/');
  assert.equal(page, 'setup-password');
  const [expires, signature] = ['expires', 'signature'].map((name) => url.searchParams.get(name) ?? '');
  return { id, hash, expires: expires ?? '', signature: signature ?? '' };
}

/** Somebody whom an operator made an account without a password. */
async function invited(world: OpenedClient, of: { firstName?: string; lastName?: string } = {}) {
  const email = `invited${++people}@example.com`;
  const account = await world.identity.createAccount({ email, ...of });
  const link = await newestLink(world, email);
  return { ...account, email, link, path: pathOf(link) };
}

async function browser(world: OpenedClient): Promise<Client> {
  const client = world.another();
  await client.csrfCookie();
  return client;
}

const other = (hex: string, at: number): string =>
  `${hex.slice(0, at)}${hex[at] === '0' ? '1' : '0'}${hex.slice(at + 1)}`;

/** That a link leads nowhere: in a look with `valid`, in a change without. */
async function assertDead(world: OpenedClient, path: string, status: number, message: string): Promise<void> {
  const client = await browser(world);
  const seen = await client.get(path);
  assert.deepEqual([seen.status, seen.json], [status, { valid: false, message }], path);
  assertRefused(await client.post(path, FORM), status, message);
}

async function assertLive(world: OpenedClient, path: string): Promise<void> {
  const seen = await world.another().get(path);
  assert.deepEqual([seen.status, seen.body.valid], [200, true], seen.text);
}

for (const database of ['sqlite', 'postgres'] as const) {
  describe(`an invitation on ${database}`, { skip: database === 'postgres' && !hasPostgres }, () => {
    const world = sharedWorld({ database });

    it('3: is looked at, set up once, and its owner signs in with a proven address', async () => {
      const { email, id, path } = await invited(world(), { firstName: 'Jean', lastName: 'Dupont' });
      const client = await browser(world());
      assertInvalid(await client.post('/auth/login', { email, password: NEW_PASSWORD }), {
        email: ['The provided credentials are incorrect.'],
      });
      const seen = await client.get(path);
      assert.deepEqual([seen.status, seen.json], [200, { valid: true, user: { id, email, full_name: 'Jean Dupont' } }]);

      const done = await client.post(path, FORM);

      assert.deepEqual([done.status, done.json], [200, { message: SET_UP }]);
      assertGuest(await client.user());
      const login = await client.login(email, NEW_PASSWORD);
      assert.deepEqual([login.status, login.json], [200, { two_factor: false }]);
      assert.equal((await client.user()).body.data?.email, email);
      await assertDead(world(), path, 403, DONE);
      assertInvalid(await world().another().login(email, 'another quiet horse'), {
        email: ['The provided credentials are incorrect.'],
      });
    });

    it('is set up by exactly one of ten at once', async () => {
      const { email, path } = await invited(world());
      const clients = await Promise.all(Array.from({ length: 10 }, () => browser(world())));
      const answers = await Promise.all(
        clients.map((client, index) => {
          const password = `${NEW_PASSWORD} ${index}`;
          return client.post(path, { password, password_confirmation: password });
        }),
      );
      const won = answers.findIndex(({ status }) => status === 200);
      for (const [index, answer] of answers.entries()) {
        if (index === won) assert.deepEqual(answer.json, { message: SET_UP });
        else assert.ok(answer.status === 403 && [DONE, EXPIRED].includes(answer.body.message ?? ''), answer.text);
      }
      assert.equal((await world().another().login(email, `${NEW_PASSWORD} ${won}`)).status, 200);
    });

    it('C: an account that is not there and a hash that is another’s are one answer', async () => {
      const [{ link }, stranger] = [await invited(world()), await invited(world())];
      const dead: Link[] = [
        { ...link, hash: other(link.hash, 0) },
        { ...link, hash: other(link.hash, link.hash.length - 1) },
        { ...link, hash: stranger.link.hash },
        { ...link, hash: 'x' },
        { ...link, hash: link.hash.slice(1) },
        { ...link, id: stranger.link.id },
        ...['0', '999999', '2147483648', '4294967297', '999999999999999'].map((id) => ({
          ...link,
          id,
        })),
      ];
      for (const each of dead) await assertDead(world(), pathOf(each), 403, INVALID);
      await assertLive(world(), pathOf(link));
    });

    it('C: an id that is beyond what any database counts to is no other than one that is not there', async () => {
      const { link } = await invited(world());
      for (const id of ['9007199254740993', '9223372036854775807', '9223372036854775808', '9'.repeat(40)]) {
        await assertDead(world(), pathOf({ ...link, id }), 403, INVALID);
      }
    });

    it('3.1: an id that is no number is nobody’s', async () => {
      const { link } = await invited(world());
      for (const id of ['x', `${link.id}x`, 'NaN', 'null', '%00', `${link.id}%20or%201=1`, '1e3', '0x1']) {
        await assertDead(world(), pathOf({ ...link, id }), 404, 'User not found.');
      }
      await assertLive(world(), pathOf(link));
    });

    it('3.1: is over when its end or its signature is altered, or missing', async () => {
      const [{ link }, stranger] = [await invited(world()), await invited(world())];
      const { expires, signature } = link;
      const dead: Partial<Link>[] = [
        { expires: String(Number(expires) + 1) },
        { expires: String(Number(expires) + 365 * DAY) },
        { expires: String(Number(expires) - 1) },
        ...['', '0', '-1', 'x', '1e12', `${expires}.0`, '9'.repeat(30), '%00'].map((expires) => ({ expires })),
        ...[0, 31, 32, 63].map((at) => ({ signature: other(signature, at) })),
        ...['', 'x', signature.slice(1), `${signature}0`, '0'.repeat(64), '%00', stranger.link.signature].map(
          (signature) => ({ signature }),
        ),
      ];
      for (const change of dead) await assertDead(world(), pathOf({ ...link, ...change }), 403, EXPIRED);
      await assertDead(world(), pathOf(link).split('?')[0] ?? '', 403, EXPIRED);
      await assertLive(world(), pathOf(link));
    });
  });
}

describe('an invitation', () => {
  const world = sharedWorld();

  it('3.1: leads to the front end, by a hash that is not made of the address, and for a day', async (t) => {
    const spa = 'https://spa.example';
    const env = { GUICHET_SANCTUM_SPA_URL: spa, GUICHET_ALLOWED_ORIGINS: spa };
    const opened = await openClient(t, { env });
    const email = 'jean@example.com';
    const { id } = await opened.identity.createAccount({ email });
    const [link = ''] = (await opened.mails(email))[0]?.links ?? [];
    assert.match(
      link,
      new RegExp(`^${spa}/setup-password/${id}/[0-9a-f]+\\?expires=[0-9]{10}&signature=[0-9a-f]{64}$`),
    );
    const { expires, hash } = await newestLink(opened, email);
    assert.equal(Number(expires), Math.floor(opened.clock.now() / 1000) + DAY);
    for (const algorithm of ['sha1', 'sha256', 'md5']) {
      assert.notEqual(hash, createHash(algorithm).update(email).digest('hex'));
    }
    assert.ok(!link.includes('jean'));
    await assertLive(opened, pathOf(await newestLink(opened, email)));
  });

  it('lives for 24 hours, to the second', async (t) => {
    const opened = await openClient(t);
    const { path } = await invited(opened);
    opened.clock.advance({ hours: 23, minutes: 59, seconds: 59 });
    await assertLive(opened, path);
    opened.clock.advance({ seconds: 1 });
    await assertDead(opened, path, 403, EXPIRED);
  });

  it('is used up in its last second, too', async (t) => {
    const opened = await openClient(t);
    const { email, path } = await invited(opened);
    opened.clock.advance({ hours: 23, minutes: 59, seconds: 59 });
    assert.equal((await (await browser(opened)).post(path, FORM)).status, 200);
    assert.equal((await opened.another().login(email, NEW_PASSWORD)).status, 200);
  });

  it('is consumed by no look, nor by a change that shows no token', async () => {
    const { path } = await invited(world());
    for (let time = 0; time < 5; time += 1) await assertLive(world(), path);
    const head = await world().another().ask('HEAD', `/api/v1${path}`);
    assert.equal(head.status, 200);
    const stranger = world().another();
    assertRefused(await stranger.post(path, FORM), 419, 'CSRF token mismatch.');
    const evil = { headers: { origin: 'https://evil.example' } };
    assertRefused(await (await browser(world())).post(path, FORM, evil), 419, 'CSRF token mismatch.');
    assert.equal((await (await browser(world())).post(path, FORM)).status, 200);
  });

  it('1.1: is answered whatever page it comes from, without a session', async () => {
    const { path } = await invited(world());
    const seen = await world()
      .another()
      .get(path, { headers: { referer: '', origin: '' }, cookie: null });
    assert.equal(seen.status, 200);
  });

  it('3.1: checks in the order of the page: the account, the hash, the end, what is done', async (t) => {
    const opened = await openClient(t);
    const { identity } = opened;
    const { link, path, uuid } = await invited(opened);
    const bad = { hash: other(link.hash, 5), signature: other(link.signature, 5) };
    await assertDead(opened, pathOf({ ...link, ...bad, id: 'x' }), 404, 'User not found.');
    await assertDead(opened, pathOf({ ...link, ...bad }), 403, INVALID);
    await identity.setPassword({ uuid, password: PASSWORD });
    await assertDead(opened, path, 403, DONE);
    await assertDead(opened, pathOf({ ...link, hash: bad.hash }), 403, INVALID);
    await assertDead(opened, pathOf({ ...link, signature: bad.signature }), 403, EXPIRED);
    opened.clock.advance({ hours: 24 });
    await assertDead(opened, path, 403, EXPIRED);
  });

  it('3.1: judges what was typed before the link', async () => {
    const { link, path } = await invited(world());
    const client = await browser(world());
    const dead = [{ id: 'x' }, { id: '999999' }, { hash: 'x' }, { signature: 'x' }, { expires: '1' }];
    for (const each of [path, ...dead.map((change) => pathOf({ ...link, ...change }))]) {
      assertInvalid(await client.post(each, {}), NO_PASSWORD);
      assertInvalid(await client.post(each), NO_PASSWORD);
      assertInvalid(await client.post(each, { password: 'short', password_confirmation: 'shorter' }), {
        password: ['The password must be at least 8 characters.', 'The password confirmation does not match.'],
      });
      assertInvalid(await client.post(each, { password: NEW_PASSWORD }), {
        password: ['The password confirmation does not match.'],
      });
      assertInvalid(await client.post(each, { ...FORM, password: 12345678 }), {
        password: ['The password field must be a string.'],
      });
    }
    await assertLive(world(), path);
  });

  it('is not used up by a password that is refused', async () => {
    const { email, path } = await invited(world(), { firstName: 'Maximilienne', lastName: 'Robespierre' });
    const client = await browser(world());
    for (const password of ['password123', 'qwertyuiop', email, 'robespierre', 'Maximilienne42']) {
      assertInvalid(await client.post(path, { password, password_confirmation: password }), {
        password: ['The given password is too common. Please choose another.'],
      });
    }
    assert.equal((await client.post(path, FORM)).status, 200);
  });

  it('takes a password as it was typed, with the space around it', async () => {
    const { email, path } = await invited(world());
    const password = `  ${NEW_PASSWORD} `;
    const client = await browser(world());
    assert.equal((await client.post(path, { password, password_confirmation: password })).status, 200);
    assert.equal((await world().another().login(email, NEW_PASSWORD)).status, 422);
    assert.equal((await world().another().login(email, password)).status, 200);
  });

  it('is over once the account is locked, and nobody’s once it is deleted', async () => {
    const { identity } = world();
    const [locked, deleted] = [await invited(world()), await invited(world())];
    await identity.lockAccount({ uuid: locked.uuid });
    await assertDead(world(), locked.path, 403, EXPIRED);
    await identity.deleteAccount({ uuid: deleted.uuid });
    await assertDead(world(), deleted.path, 403, INVALID);
  });
});

describe('an invitation that is asked for again', () => {
  const world = sharedWorld();
  const resend = async (email: unknown): Promise<Answer> =>
    (await browser(world())).post('/auth/setup-password-resend', { email });
  const assertSaid = (answer: Answer): void =>
    assert.deepEqual([answer.status, answer.json], [200, { message: RESENT }]);

  it('3: is answered alike for everybody, and mailed to whom it belongs alone', async () => {
    const { account, clock, identity, mails } = world();
    const [waiting, locked, { email: known }] = [await invited(world()), await invited(world()), await account()];
    await identity.lockAccount({ uuid: locked.uuid });
    clock.advance({ minutes: 1 });
    const before = { known: (await mails(known)).length, locked: (await mails(locked.email)).length };
    for (const email of [waiting.email, locked.email, known, 'nobody@example.com']) assertSaid(await resend(email));
    assert.equal((await mails(waiting.email)).length, 2);
    assert.equal((await mails(known)).length, before.known);
    assert.equal((await mails(locked.email)).length, before.locked);
    assert.deepEqual(await mails('nobody@example.com'), []);
    const link = await newestLink(world(), waiting.email);
    assert.notEqual(link.signature, waiting.link.signature);
    await assertLive(world(), pathOf(link));
    await assertLive(world(), waiting.path);
    assert.equal((await (await browser(world())).post(pathOf(link), FORM)).status, 200);
    await assertDead(world(), waiting.path, 403, DONE);
  });

  it('finds its owner by the address however it is typed', async () => {
    const { email } = await invited(world());
    world().clock.advance({ minutes: 1 });
    assertSaid(await resend(` ${email.toUpperCase()}\n`));
    assert.equal((await world().mails(email)).length, 2);
  });

  it('is mailed at most once a minute and five times an hour, and the answer is the same', async () => {
    const { clock, mails } = world();
    const { email } = await invited(world());
    const counts: number[] = [];
    for (let minute = 0; minute < 7; minute += 1) {
      for (let time = 0; time < 2; time += 1) assertSaid(await resend(email));
      counts.push((await mails(email)).length);
      clock.advance({ minutes: 1 });
    }
    assert.deepEqual(counts, [1, 2, 3, 4, 5, 5, 5]);
    clock.advance({ hours: 1 });
    assertSaid(await resend(email));
    assert.equal((await mails(email)).length, 6);
  });

  it('needs an address', async () => {
    for (const email of [undefined, null, '', ' ']) {
      assertInvalid(await resend(email), { email: ['The email field is required.'] });
    }
    for (const email of [
      'nobody',
      7,
      ['a@b.example'],
      {},
      'a@b.example, c@d.example',
      'a@b.example\r\nBcc: c@d.example',
    ]) {
      const answer = await resend(email);
      assert.equal(answer.status, 422, answer.text);
      assert.deepEqual(Object.keys(answer.body.errors ?? {}), ['email']);
    }
  });

  it('is mailed in the account’s language, and mails nothing but the link', async () => {
    const { clock, identity, mails } = world();
    const email = `invited${++people}@example.com`;
    await identity.createAccount({ email, locale: 'fr' });
    clock.advance({ minutes: 1 });
    assertSaid(await resend(email));
    const [newest, first] = await mails(email);
    assert.equal(newest?.subject, first?.subject);
    assert.match(newest?.subject ?? '', /mot de passe/);
    assert.deepEqual([newest?.links.length, newest?.code], [1, null]);
  });
});

describe('reCAPTCHA', () => {
  const MISSING = { recaptcha_token: ['The reCAPTCHA verification is required.'] };
  const FAILED = { recaptcha_token: ['The reCAPTCHA verification failed. Please try again.'] };
  const ASKED = linesNamed(/forgot-password$|setup-password-resend$/);

  /** A service that takes one token, and a server that asks it. */
  const opened = shared(async (t) => {
    const received: URLSearchParams[] = [];
    const { url } = await listenOnLoopback(t, async (incoming, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      received.push(form);
      if (form.get('response') === 'broken') response.writeHead(500).end();
      else {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ success: form.get('response') === 'a person' }));
      }
    });
    const env = { GUICHET_RECAPTCHA_SECRET: 'canary-secret', GUICHET_RECAPTCHA_URL: `${url}/siteverify` };
    return { ...(await openClient(t, { env: { ...env, GUICHET_RATE_LIMITS: 'off' } })), received };
  });

  it('is asked for on every line that mails somebody without a session', () => {
    assert.deepEqual(ASKED.map(({ url }) => url).sort(), [
      '/api/v1/auth/forgot-password',
      '/api/v1/auth/setup-password-resend',
      '/api/v1/forgot-password',
    ]);
  });

  it('3.1: is judged before the form: a token that is missing or empty is told alone, and not verified', async () => {
    const { received } = opened();
    const client = await browser(opened());
    for (const line of ASKED) {
      const before = received.length;
      for (const email of ['jean@example.com', 'no address', '', undefined]) {
        for (const recaptcha_token of [undefined, null, '', '   ', 7, ['a person'], { a: 1 }]) {
          assertInvalid(await askLine(client, line, { body: { email, recaptcha_token } }), MISSING);
        }
      }
      assertInvalid(await askLine(client, line, { raw: '{' }), MISSING);
      assert.equal(received.length, before);
    }
  });

  it('refuses what the service refuses, or cannot judge, and mails nothing', async () => {
    const client = await browser(opened());
    const { email } = await opened().account();
    for (const line of ASKED) {
      for (const recaptcha_token of ['a program', 'broken', 'x'.repeat(5000)]) {
        assertInvalid(await askLine(client, line, { body: { email, recaptcha_token } }), FAILED);
        assertInvalid(await askLine(client, line, { body: { recaptcha_token } }), FAILED);
      }
    }
    assert.deepEqual(await opened().mails(email), []);
  });

  it('lets pass what the service knows for a person’s, who then fills the form in', async () => {
    const { account, mails, received } = opened();
    const { email } = await account();
    const client = opened().another({ address: '192.0.2.44' });
    await client.csrfCookie();
    for (const line of ASKED) {
      const recaptcha_token = ' a person ';
      const form = { body: { recaptcha_token } };
      assertInvalid(await askLine(client, line, form), { email: ['The email field is required.'] });
      const answer = await askLine(client, line, { form: { email, recaptcha_token } });
      assert.equal(answer.status, 200, answer.text);
      const { remoteip, response, secret } = Object.fromEntries(received.at(-1) ?? []);
      assert.deepEqual([remoteip, response, secret], ['192.0.2.44', 'a person', 'canary-secret']);
    }
    assert.ok((await mails(email)).length > 0);
  });

  it('is French on request', async () => {
    const client = opened().another({ headers: { 'accept-language': 'fr' } });
    await client.csrfCookie();
    for (const line of ASKED) {
      assertInvalid(await askLine(client, line, { body: {} }), {
        recaptcha_token: ['La vérification reCAPTCHA est requise.'],
      });
      assertInvalid(await askLine(client, line, { body: { recaptcha_token: 'a program' } }), {
        recaptcha_token: ['La vérification reCAPTCHA a échoué. Veuillez réessayer.'],
      });
    }
  });

  it('comes after the token of the session', async () => {
    const client = opened().another();
    for (const line of ASKED)
      assertRefused(await askLine(client, line, { body: {}, xsrf: null }), 419, 'CSRF token mismatch.');
  });

  it('is asked for nowhere else', async () => {
    const { email } = await opened().account();
    assert.equal((await opened().another().login(email)).status, 200);
    const { path } = await invited(opened());
    assert.equal((await (await browser(opened())).post(path, FORM)).status, 200);
  });

  it('is no field of the form where no secret is configured', async (t) => {
    const plain = await openClient(t, { env: { GUICHET_RATE_LIMITS: 'off' } });
    const client = await browser(plain);
    for (const line of ASKED) {
      for (const recaptcha_token of [undefined, null, '', 'x']) {
        const answer = await askLine(client, line, { body: { email: 'nobody@example.com', recaptcha_token } });
        assert.equal(answer.status, 200, answer.text);
      }
      assertInvalid(await askLine(client, line, { body: {} }), { email: ['The email field is required.'] });
    }
  });
});
