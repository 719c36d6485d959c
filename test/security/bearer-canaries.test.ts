import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { it, type TestContext } from 'node:test';
import {
  type Answer,
  type Asking,
  type Client,
  type OpenedClient,
  ORIGIN,
  openClient,
} from '../contracts/bearer/client.ts';
import { hasPostgres } from '../support/databases.ts';
import { type GitHubLookAlike, json, openGitHub } from '../support/github-look-alike.ts';
import { SoftwareAuthenticator } from '../support/software-authenticator.ts';
import { SECRET } from '../support/world.ts';
import { dump, files, found, plainly, standing } from './leaks.ts';

const passwords = {
  first: 'canary-one tangerine 4711',
  second: 'canary-two tangerine 4712',
  third: 'canary-three tangerine 4713',
  wrong: 'canary-wrong tangerine 4714',
  typedAsAddress: 'canary-typed-as-address.4715',
  tooWeak: 'canary1',
};
/** What names a person, and may be kept as long as the account is. */
const person = {
  email: 'canary.nightingale@example.com',
  newEmail: 'canary.nightingale@example.org',
  name: 'Canary Nightingale',
  nameAtProvider: 'Canary Octocat',
  picture: 'https://images.example.com/canary-nightingale.png',
  pictureAtProvider: 'https://avatars.example.com/canary-octocat.png',
  subject: '93551234567',
  login: 'canary-octocat',
  passkey: 'Canary key',
  agent: 'Canary-Agent/1.0',
};
const STRANGER = 'stranger@example.net';
const REDIRECT = 'http://localhost:5173/app';
const VERIFIER = 'canary-verifier-0123456789-0123456789-0123456789';
const OTHER_VERIFIER = 'canary-verifier-of-nobody-0123456789-0123456789';
/** What an answer gives its client, under keys of its own and nowhere else. */
const GIVEN = ['session', 'client_token', 'challenge', 'secret', 'qrCode', 'recoveryCodes', 'options', 'url', 'code'];

interface Life {
  /** Each with the line that it answers. */
  answers: (Answer & { line: string })[];
  /** Long ones, which nothing else can happen to contain. */
  secrets: Set<string>;
  /** Whose digest is kept, since it is what was given first. */
  verifiers: Set<string>;
  /** Six digits. */
  codes: Set<string>;
  mails: Mail[];
}

type Mail = Awaited<ReturnType<OpenedClient['mails']>>[number];

/** Everything that an account goes through, by its contract; ends with an account that is still there, signed in. */
async function live(
  world: OpenedClient,
  github: GitHubLookAlike,
): Promise<Life & { app: Client; fresh: () => Promise<void> }> {
  const life: Life = {
    answers: [],
    secrets: new Set([github.clientSecret]),
    verifiers: new Set([VERIFIER, OTHER_VERIFIER]),
    codes: new Set(),
    mails: [],
  };
  const { email, newEmail } = person;
  const app = world.another({ address: '10.77.66.55', headers: { 'user-agent': person.agent } });
  const stranger = world.another({ address: '10.9.8.7' });
  const authenticator = new SoftwareAuthenticator();
  let recoveryCodes: string[] = [];
  let secret = '';

  const keep = (answer: Answer, client: Client, line: string): Answer => {
    life.answers.push({ ...answer, line });
    const { body } = answer;
    for (const value of [
      body.session?.token,
      body.client_token,
      body.challenge,
      body.secret,
      body.options?.challenge,
      body.code,
      body.url && new URL(body.url).searchParams.get('ticket'),
      ...(body.recoveryCodes ?? []),
      ...client.cookies.values(),
    ])
      if (value) life.secrets.add(value);
    const away = answer.location === undefined ? undefined : URL.parse(answer.location);
    for (const name of ['code', 'state', 'nonce']) {
      const value = away?.searchParams.get(name);
      if (value) life.secrets.add(value);
    }
    recoveryCodes = body.recoveryCodes ?? recoveryCodes;
    return answer;
  };
  const ask = async (client: Client, line: string, body?: unknown, of: Asking = {}): Promise<Answer> => {
    const [method = '', path = ''] = line.split(' ');
    const asked = { ...of, ...(body !== undefined && { body }) };
    return keep(await client.ask(method as 'GET', path, asked), client, line);
  };
  const good = async (...request: Parameters<typeof ask>): Promise<Answer> => {
    const answer = await ask(...request);
    assert.ok(answer.status < 400, `${request[1]}: ${answer.text}`);
    return answer;
  };
  const bad = async (status: number, ...request: Parameters<typeof ask>): Promise<Answer> => {
    const answer = await ask(...request);
    assert.equal(answer.status, status, `${request[1]}: ${answer.text}`);
    return answer;
  };
  const post = async (client: Client, page: string, form: Record<string, string>): Promise<Answer> => {
    const { token } = form;
    const shown = keep(await client.askAt('GET', `${page}?token=${token}`), client, `GET ${page}`);
    assert.equal(shown.status, 200);
    const formToken = /name="form_token" value="([^"]+)"/.exec(shown.text)?.[1] ?? '';
    life.secrets.add(formToken);
    const pressed = await client.askAt('POST', page, {
      raw: new URLSearchParams({ ...form, form_token: formToken }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: ORIGIN },
    });
    assert.ok(pressed.status < 400, pressed.text);
    return keep(pressed, client, `POST ${page}`);
  };
  const mailed = async (to: string, page: string): Promise<string> => {
    const token = await world.linkToken(to, page);
    life.secrets.add(token);
    return token;
  };
  const totp = (wrong = false): string => {
    world.clock.advance({ seconds: 61 });
    const code = world.totp(secret);
    const shown = wrong ? code.replace(/.$/, (digit) => String((Number(digit) + 3) % 10)) : code;
    life.codes.add(shown);
    return shown;
  };
  const signIn = (password: string, more: object = {}, client = app) =>
    ask(client, 'POST /sign-in', { email, password, ...more }, { token: null });
  const later = (): void => world.clock.advance({ minutes: 61 });

  // Sign-up, and the proof of the address.
  await bad(400, app, 'POST /sign-up', { email, password: passwords.tooWeak, name: person.name });
  await good(app, 'POST /sign-up', { email, password: passwords.first, name: person.name });
  await bad(409, stranger, 'POST /sign-up', { email, password: passwords.second });
  await mailed(email, '/reset-password');
  await good(stranger, 'POST /send-verification-email', { email });
  const proof = await mailed(email, '/verify-email');
  await bad(403, app, 'GET /sessions');
  await bad(400, stranger, 'POST /verify-email', { token: `${proof}x` });
  await good(app, 'POST /verify-email', { token: proof });
  await bad(400, app, 'POST /verify-email', { token: proof });
  await good(stranger, 'POST /sign-up', { email: STRANGER, password: passwords.second });

  // Sign-in, and what is typed into the wrong field.
  assert.equal((await signIn(passwords.wrong)).status, 401);
  // From elsewhere: what is tried with nobody's address belongs to nobody, and goes with nobody.
  await bad(
    401,
    stranger,
    'POST /sign-in',
    { email: passwords.typedAsAddress, password: passwords.wrong },
    { token: null },
  );
  await ask(app, 'POST /sign-in', undefined, {
    raw: `{"email":"${email}","password":"${passwords.first}"`,
    token: null,
  });
  await ask(
    app,
    'POST /sign-in',
    { email: [email], password: { text: passwords.first }, totpCode: 7 },
    { token: null },
  );
  assert.equal((await signIn(passwords.first)).status, 200);
  await good(app, 'GET /session');
  const { token = '' } = app;
  for (const path of [
    `/session?token=${token}&access_token=${token}&password=${encodeURIComponent(passwords.first)}`,
    `/${token}`,
    `/oauth/${token}`,
    `/oauth/github?redirectUrl=${encodeURIComponent(`https://evil.example/?t=${token}`)}&codeChallenge=${token}`,
    `/oauth/github?ticket=${token}`,
  ])
    life.answers.push({ ...(await app.get(path, { token: null })), line: 'GET with a token in its address' });
  await ask(app, `DELETE /sessions/session_${token}`);
  await bad(401, app, 'GET /session', undefined, { token: `${token}x` });
  await good(app, 'PATCH /user', { image: person.picture });
  await bad(401, app, 'POST /reauthenticate', { password: passwords.wrong });
  await good(app, 'POST /reauthenticate', { password: passwords.first });

  // A link: through its page with a verifier, and by the app itself.
  const codeChallenge = createHash('sha256').update(VERIFIER).digest('base64url');
  await good(app, 'POST /send-magic-link', { email, redirectUrl: REDIRECT, codeChallenge });
  const pressed = await post(app, '/magic-link', { token: await mailed(email, '/magic-link') });
  const code = new URL(pressed.location ?? '').searchParams.get('code') ?? '';
  await bad(400, stranger, 'POST /exchange', { code, codeVerifier: OTHER_VERIFIER });
  await bad(400, stranger, 'POST /exchange', { code });
  await good(app, 'POST /exchange', { code, codeVerifier: VERIFIER }, { token: null });
  await bad(400, app, 'POST /exchange', { code, codeVerifier: VERIFIER }, { token: null });
  later();
  await good(app, 'POST /send-magic-link', { email });
  const link = await mailed(email, '/magic-link');
  await good(app, 'POST /magic-link/verify', { token: link }, { token: null });
  await bad(400, app, 'POST /magic-link/verify', { token: link }, { token: null });

  // GitHub: a provider that says no and repeats what it was given, one trip that is not this browser's, one that joins.
  const trip = async (path: string): Promise<string> => {
    const { location = '' } = await good(app, `GET ${path}`);
    const back = new URL(await github.signInAt(location));
    for (const name of ['code', 'state']) life.secrets.add(back.searchParams.get(name) ?? '');
    return `/callback/github${back.search}`;
  };
  const begin = `/oauth/github?redirectUrl=${encodeURIComponent(REDIRECT)}`;
  github.lies['/login/oauth/access_token'] = (response, { form }) =>
    json(response, {
      error: 'bad_verification_code',
      error_description: `The code ${form.get('code')} with ${form.get('code_verifier')} is wrong, ${form.get('client_secret')}.`,
    });
  await good(app, `GET ${await trip(begin)}`);
  github.lies['/login/oauth/access_token'] = (response, { form }) =>
    response.writeHead(500).end(`fault at ${form.get('code')} ${form.get('code_verifier')}`);
  await good(app, `GET ${await trip(begin)}`);
  github.lies = {};
  github.lies['/api/v3/user'] = (response, { headers }) =>
    json(response, { message: `Bad credentials ${headers.authorization}` }, 401);
  await good(app, `GET ${await trip(begin)}`);
  github.lies = {};
  const foreign = await trip(begin);
  await bad(400, stranger, `GET ${foreign}`);
  const returned = await good(app, `GET ${foreign}`);
  const joined = new URL(returned.location ?? '').searchParams.get('code');
  assert.ok(joined, returned.location);
  await good(app, 'POST /exchange', { code: joined }, { token: null });
  await bad(400, app, `GET ${foreign}`);

  // Unlinked, and linked again from the session.
  await good(app, 'GET /accounts');
  await good(app, 'DELETE /accounts/github');
  const { url = '' } = (await good(app, 'POST /oauth/github/link', { redirectUrl: REDIRECT })).body;
  const linked = await good(
    app,
    `GET ${await trip(new URL(url).pathname.replace('/api/auth', '') + new URL(url).search)}`,
  );
  const linkCode = new URL(linked.location ?? '').searchParams.get('code') ?? '';
  await bad(401, stranger, 'POST /oauth/github/link', { code: linkCode }, { token: 'x'.repeat(43) });
  await good(app, 'POST /oauth/github/link', { code: linkCode });

  // A second factor.
  await good(app, 'POST /two-factor/enable', { password: passwords.first });
  secret = (await good(app, 'POST /two-factor/enable', { password: passwords.first })).body.secret ?? '';
  await bad(401, app, 'POST /two-factor/verify', { code: totp(true) });
  await good(app, 'POST /two-factor/verify', { code: totp() });
  const [first = '', second = ''] = recoveryCodes;
  const due = await signIn(passwords.first);
  assert.equal(due.body.error, 'TOTP_REQUIRED');
  assert.equal((await signIn(passwords.first, { totpCode: totp(true) })).status, 401);
  assert.equal((await signIn(passwords.first, { totpCode: totp() })).status, 200);
  const onPaper = first.toLowerCase().replace(/.{5}/g, '$&-');
  life.secrets.add(onPaper).add(first.toLowerCase());
  assert.equal((await signIn(passwords.first, { recoveryCode: onPaper })).status, 200);
  assert.equal((await signIn(passwords.first, { recoveryCode: first })).status, 401);
  later();
  await good(app, 'POST /send-magic-link', { email });
  const waiting = await mailed(email, '/magic-link');
  await bad(401, app, 'POST /magic-link/verify', { token: waiting }, { token: null });
  await good(app, 'POST /magic-link/verify', { token: waiting, recoveryCode: second }, { token: null });
  await good(app, 'POST /reauthenticate', { totpCode: totp() });
  await good(app, 'POST /two-factor/recovery-codes', {});

  // A passkey: added, both factors at once, the second one, and what makes a session fresh.
  const offered = await good(app, 'POST /passkey/register', {});
  const response = authenticator.register(offered.body.options ?? {}, { origin: ORIGIN });
  await good(app, 'POST /passkey/register', { response, name: person.passkey });
  await bad(401, app, 'POST /passkey/register', { response, name: person.passkey });
  const assertion = async (line: string, body: object, token: string | null | undefined): Promise<Answer> => {
    const of = token === undefined ? {} : { token };
    const asked = await good(app, line, body, of);
    const response = authenticator.assert(asked.body.options ?? {}, { origin: ORIGIN });
    life.secrets.add(response.response.signature);
    return good(app, line, { ...body, response }, of);
  };
  await assertion('POST /passkey/sign-in', { email }, null);
  await assertion('POST /reauthenticate', {}, undefined);
  const { challenge } = (await signIn(passwords.first)).body;
  await assertion('POST /passkey/sign-in', { challenge }, null);
  const { passkeys = [] } = (await good(app, 'GET /passkeys')).body;
  await good(app, `PATCH /passkeys/${passkeys[0]?.id}`, { name: `${person.passkey} 2` });

  // Another password, by the old one and by a link; a lock, and the link that lifts it.
  const change = { currentPassword: passwords.wrong, newPassword: passwords.second };
  await bad(401, app, 'POST /change-password', change);
  await good(app, 'POST /change-password', { ...change, currentPassword: passwords.first });
  later();
  await good(app, 'POST /forgot-password', { email, redirectUrl: REDIRECT });
  const reset = await mailed(email, '/reset-password');
  await bad(400, app, 'POST /reset-password', { token: reset, password: passwords.tooWeak });
  await good(app, 'POST /reset-password', { token: reset, password: passwords.third });
  for (let time = 0; time < 11; time += 1)
    await signIn(passwords.wrong, {}, world.another({ address: `10.0.${time}.1` }));
  await post(stranger, '/unlock', { token: await mailed(email, '/unlock') });
  assert.equal((await signIn(passwords.third, { totpCode: totp() })).status, 200);

  // Another address.
  await good(app, 'POST /change-email', { newEmail });
  await post(app, '/change-email', { token: await mailed(newEmail, '/change-email') });
  await good(app, 'GET /sessions');
  await good(app, 'POST /sign-out');
  await bad(401, app, 'GET /session');
  const at = { email: newEmail, password: passwords.third, totpCode: totp() };
  await good(app, 'POST /sign-in', at, { token: null });

  life.mails = await world.mails();
  // One that nobody has read, and one that is not sent yet.
  await good(stranger, 'POST /send-magic-link', { email: newEmail, redirectUrl: REDIRECT });
  await mailed(newEmail, '/magic-link');
  await good(stranger, 'POST /forgot-password', { email: newEmail });

  for (const { form, headers } of github.asked) {
    const bearer = headers.authorization?.replace(/^Bearer /, '');
    if (bearer) life.secrets.add(bearer);
    for (const name of ['code', 'state']) if (form.get(name)) life.secrets.add(form.get(name) ?? '');
    if (form.get('code_verifier')) life.verifiers.add(form.get('code_verifier') ?? '');
  }
  life.secrets.delete('');
  const fresh = async (): Promise<void> => void (await good(app, 'POST /reauthenticate', { totpCode: totp() }));
  return { ...life, app, fresh };
}

/** A verifier’s digest is what was given first, and kept until it comes. */
const inFull: typeof found = (where, texts) => plainly(where, [...texts]);

/** Looks through all at once, and says where only of what it finds: each look makes many forms of each text. */
function assertNowhere(
  parts: Iterable<readonly [where: string, text: string]>,
  look: typeof found,
  texts: Iterable<string>,
): void {
  const all = [...parts];
  const hits = look(all.map(([, text]) => text).join('\n'), texts);
  const places = hits.map((hit) => [
    hit,
    all.filter(([, text]) => look(text, [hit]).length > 0).map(([where]) => where),
  ]);
  assert.deepEqual(places, []);
}

/** Which mails hold a link, by its page; all others are notices (rule 2). */
const PAGES = ['/verify-email', '/reset-password', '/magic-link', '/unlock', '/change-email'];

/** What a mail says is what it is for: one link with its token, or none. */
function checkMails({ codes, mails, secrets, verifiers }: Life): void {
  assert.ok(mails.length >= 20, String(mails.length));
  const rest: [string, string][] = [];
  const unnamed = [person.subject, person.login, person.nameAtProvider, person.picture, person.pictureAtProvider];
  for (const { code, html, links, subject, text, to } of mails) {
    const tokens = links.flatMap((link) => new URL(link).searchParams.get('token') ?? []);
    const parts = [subject, text, html ?? ''].join('\n');
    assert.ok(tokens.length <= 1, subject);
    assert.equal(code, null, subject);
    for (const link of links) {
      const { origin, pathname, searchParams } = new URL(link);
      assert.equal(origin, ORIGIN, link);
      if (tokens.length > 0) assert.ok(PAGES.includes(pathname), link);
      assert.deepEqual([...searchParams.keys()], tokens.length > 0 ? ['token'] : [], link);
    }
    rest.push([subject, tokens.reduce((left, token) => left.replaceAll(token, ''), parts)]);
    assert.deepEqual(plainly(subject, tokens), [], subject);
    // Neither address is told the other.
    const other = to === person.newEmail ? person.email : person.newEmail;
    assert.deepEqual(plainly(parts, [other]), [], `${subject}, to ${to}`);
    assert.doesNotMatch(html ?? '', /<img|<script|src=/i, subject);
  }
  assertNowhere(rest, found, [...Object.values(passwords), ...secrets, ...verifiers, SECRET, ...unnamed]);
  assertNowhere(rest, standing, codes);
  const linked = mails.filter(({ links }) => links.some((link) => new URL(link).searchParams.has('token')));
  assert.ok(linked.length >= 8 && linked.length < mails.length);
}

for (const database of ['sqlite', 'postgres'] as const) {
  const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;

  it(`no secret of a bearer account’s whole life is stored, logged, mailed or answered again, on ${database}`, {
    skip,
  }, async (t: TestContext) => {
    const lines: string[] = [];
    const github = await openGitHub(t);
    github.user = {
      id: Number(person.subject),
      login: person.login,
      name: person.nameAtProvider,
      avatar_url: person.pictureAtProvider,
    };
    github.emails = [{ email: person.email, verified: true, primary: true, visibility: 'private' }];
    const world = await openClient(t, {
      database,
      log: { write: (line) => void lines.push(line) },
      env: {
        GUICHET_GITHUB_CLIENT_ID: github.clientId,
        GUICHET_GITHUB_CLIENT_SECRET: github.clientSecret,
        GUICHET_GITHUB_BASE_URL: github.url,
        GUICHET_GITHUB_API_URL: github.apiUrl,
      },
    });
    const life = await live(world, github);
    const { answers, app, codes, fresh, secrets, verifiers } = life;
    assert.ok(secrets.size >= 90 && codes.size >= 7, `${secrets.size} secrets, ${codes.size} codes`);
    assert.ok(verifiers.size >= 6 && answers.length >= 90, `${verifiers.size} verifiers, ${answers.length} answers`);
    const keys = [
      SECRET,
      ...world.world.keyring.peppers.flatMap(({ key }) => [key.toString('hex'), key.toString('base64')]),
    ];
    const never = [...Object.values(passwords), ...secrets, ...keys];
    const { agent, ...named } = person;

    const checkStore = async (): Promise<void> => {
      const tables = await dump(world);
      assert.ok(tables.size >= 25);
      assertNowhere(tables, found, never);
      assertNowhere(tables, inFull, verifiers);
      assertNowhere(tables, standing, codes);
      const holdNames = ['account', 'identifier', 'one_time_token', 'linked_identity', 'passkey'];
      const others = [...tables].filter(([table]) => !holdNames.includes(table));
      assertNowhere(others, found, Object.values(named));
    };
    const sealed = await world.handle.read.selectFrom('outbox').select(['sealed', 'sent_at']).execute();
    assert.ok(sealed.some((row) => row.sealed !== null));
    for (const row of sealed) assert.equal(row.sealed === null, row.sent_at !== null);
    await checkStore();
    if (database === 'sqlite') {
      const bytes = [...files(world)];
      for (const [path] of bytes) assert.equal(statSync(path).mode & 0o777, 0o600, path);
      assertNowhere(bytes, found, [...never, ...codes]);
      assertNowhere(bytes, inFull, verifiers);
    }
    checkMails(life);

    const written = lines.join('');
    for (const event of [
      'passkey.added',
      'provider.linked',
      'second_factor.enabled',
      'email.changed',
      'account.profile_changed',
    ])
      assert.ok(written.includes(`"event":"${event}"`), event);
    assert.match(written, /"msg":"request"/);
    assert.match(written, /a sign-in with a provider failed/);
    assert.deepEqual(found(written, [...never, ...Object.values(named)]), []);
    assert.deepEqual(inFull(written, verifiers), []);
    assert.deepEqual(standing(written, codes), []);

    const besides: [string, string][] = [];
    for (const { body, headers, line } of answers) {
      const given = Object.keys(body).filter((key) => GIVEN.includes(key));
      const isLook = line.startsWith('GET /') && line !== 'GET /session' && !line.startsWith('GET /callback');
      if (isLook) assert.deepEqual(given, [], line);
      const rest = Object.fromEntries(Object.entries(body).filter(([key]) => !given.includes(key)));
      const { location: _, 'set-cookie': __, ...others } = headers;
      besides.push([line, JSON.stringify([rest, others])]);
    }
    assertNowhere(besides, found, [...never, ...codes]);
    const whole = answers.map(({ headers, line, text }) => [line, JSON.stringify([text, headers])] as const);
    assertNowhere(whole, found, [...Object.values(passwords), ...keys]);
    assertNowhere(whole, inFull, verifiers);
    const shownOnce = answers.flatMap(({ body }) => [body.secret, ...(body.recoveryCodes ?? [])]);
    const shown = shownOnce.filter((value) => value !== undefined);
    assert.equal(new Set(shown).size, shown.length);
    const tokens = answers.flatMap(({ body, line }) => (line === 'GET /session' ? [] : (body.session?.token ?? [])));
    assert.equal(new Set(tokens).size, tokens.length);

    // Nothing of it stays behind, but what is nameless.
    await fresh();
    const { user } = (await app.get('/session')).body;
    const gone = await app.delete('/user');
    assert.equal(gone.status, 200, gone.text);
    const farewell = await world.mails(person.newEmail);
    assert.ok(farewell.length > 0);
    await world.mailbox?.empty();
    await checkStore();
    assert.equal((await world.identity.findAccount({ name: STRANGER })).email, STRANGER);
    const uuid = user?.id.slice('user_'.length) ?? '';
    const credentials = await world.handle.read.selectFrom('passkey').select('uuid').execute();
    assert.deepEqual(credentials, []);
    const left = await dump(world);
    assertNowhere(left, found, [...Object.values(named), agent, '10.77.66.55']);
    left.delete('audit_event');
    assertNowhere(left, found, [uuid]);
    assert.deepEqual((await world.verifyAudit()).faults, []);
  });
}
