import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { stepAt, totpAt } from '../../src/core/totp.ts';
import {
  type Answer,
  type Asking,
  type Client,
  openClient,
  REMEMBER,
  SESSION,
  SPA,
} from '../contracts/sanctum/client.ts';
import { hasPostgres } from '../support/databases.ts';
import { listenOnLoopback } from '../support/loopback.ts';
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
const email = 'canary.nightingale@example.com';
const person = { email, name: 'Canary', surname: 'Nightingale' };
const captcha = {
  secret: 'canary-captcha-secret',
  token: 'canary-captcha-token',
  bad: 'canary-captcha-bad',
  echoed: 'canary-echoed',
};
/** Lines whose answers show, to their own session, what is to be kept; and of no other. */
const SHOWN = /two-factor-(secret-key|qr-code|recovery-codes)$/;

interface Asked extends Answer {
  line: string;
}

for (const database of ['sqlite', 'postgres'] as const) {
  const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;

  it(`no secret of a sanctum account’s whole life is stored, logged, mailed or answered again, on ${database}`, {
    skip,
  }, async (t: TestContext) => {
    const lines: string[] = [];
    const { url } = await listenOnLoopback(t, async (incoming, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const sent = Buffer.concat(chunks).toString();
      // One that is in trouble repeats what it was told.
      if (sent.includes(captcha.echoed)) response.writeHead(500, { 'x-echo': captcha.echoed }).end(sent);
      else if (sent.includes(captcha.bad))
        response.end(`{"success":false,"error-codes":["${captcha.bad}"],"echo":${JSON.stringify(sent)}}`);
      else response.end('{"success":true}');
    });
    const world = await openClient(t, {
      database,
      log: { write: (line) => void lines.push(line) },
      env: { GUICHET_RECAPTCHA_SECRET: captcha.secret, GUICHET_RECAPTCHA_URL: `${url}/verify` },
    });
    const { clock, identity } = world;
    const answers: Asked[] = [];
    const secrets = new Set<string>();
    const codes = new Set<string>();

    const ask = async (client: Client, line: string, body?: object, of: Asking = {}): Promise<Asked> => {
      const [method = '', path = ''] = line.split(' ');
      const answer = await client.ask(method as 'GET', path, { ...of, ...(body && { body }) });
      const asked = { ...answer, line };
      answers.push(asked);
      for (const set of answer.setCookies) {
        const [value = ''] = (set.split('=')[1] ?? '').split(';');
        if (value !== '') for (const part of [value, ...value.split('.')]) if (part.length > 20) secrets.add(part);
      }
      return asked;
    };
    const good = async (...request: Parameters<typeof ask>): Promise<Asked> => {
      const answer = await ask(...request);
      assert.ok(answer.status < 300, `${request[1]}: ${answer.status} ${answer.text}`);
      return answer;
    };
    const bad = async (status: number, ...request: Parameters<typeof ask>): Promise<Asked> => {
      const answer = await ask(...request);
      assert.equal(answer.status, status, `${request[1]}: ${answer.text}`);
      return answer;
    };
    const both = (password: string) => ({ password, password_confirmation: password });
    const login = (client: Client, password: string, more: object = {}) =>
      ask(client, 'POST /api/v1/auth/login', { email, password, ...more });
    const begin = async (client = world.another()): Promise<Client> => {
      await good(client, 'GET /sanctum/csrf-cookie');
      return client;
    };

    // An invitation: looked at, tried with too little, sent again, used, used once more.
    const { uuid } = await identity.createAccount({ email, firstName: person.name, lastName: person.surname });
    const linkIn = async (): Promise<URL> => {
      clock.advance({ seconds: 1 });
      const linked = (await world.mails(email)).find(({ links }) => links.length > 0);
      const link = new URL(linked?.links[0] ?? '');
      const signature = link.searchParams.get('signature') ?? '';
      const token = link.searchParams.get('token') ?? '';
      for (const secret of [signature, Buffer.from(signature, 'hex').toString('base64url'), token])
        if (secret) secrets.add(secret);
      return link;
    };
    const app = await begin();
    await linkIn();
    clock.advance({ minutes: 2 });
    await good(app, 'POST /api/v1/auth/setup-password-resend', { email, recaptcha_token: captcha.token });
    await bad(422, app, 'POST /api/v1/auth/setup-password-resend', { email, recaptcha_token: captcha.bad });
    await bad(422, app, 'POST /api/v1/auth/forgot-password', { email, recaptcha_token: captcha.echoed });
    const invitation = await linkIn();
    assert.equal(invitation.origin, new URL(world.settings.GUICHET_SANCTUM_SPA_URL).origin);
    const setUp = `/api/v1/auth${invitation.pathname}${invitation.search}`;
    await good(app, `GET ${setUp}`);
    await bad(422, app, `POST ${setUp}`, both(passwords.tooWeak));
    await bad(403, app, `POST ${setUp.slice(0, -1)}${setUp.endsWith('0') ? 1 : 0}`, both(passwords.first));
    await good(app, `POST ${setUp}`, both(passwords.first));
    await bad(403, app, `POST ${setUp}`, both(passwords.first));

    // Sign-in, and what is typed or sent in the wrong place.
    await bad(422, app, 'POST /api/v1/auth/login', { email: passwords.typedAsAddress, password: passwords.wrong });
    await bad(422, app, 'POST /login', { email, password: passwords.wrong });
    await bad(422, app, 'POST /api/v1/auth/login', { email: [email], password: { text: passwords.first } });
    await ask(app, 'POST /api/v1/auth/login', undefined, {
      raw: `{"email":"${email}","password":"${passwords.first}"`,
    });
    await ask(app, 'POST /api/v1/auth/login', undefined, {
      raw: passwords.first,
      headers: { 'content-type': 'text/plain' },
    });
    assert.equal((await login(app, passwords.first, { remember: true })).status, 200);
    const session = app.cookie(SESSION);
    for (const path of [
      `/api/v1/auth/user?${SESSION}=${session}&password=${encodeURIComponent(passwords.first)}`,
      `/login?token=${session}`,
    ]) {
      await ask(app, `GET ${path}`);
    }
    await bad(419, app, 'PATCH /api/v1/user/locale', { locale: 'en', _token: session });
    await ask(app, 'PATCH /api/v1/user/locale', { locale: session });
    await ask(app, 'PATCH /api/v1/user/site', { site_id: session });
    await good(app, 'GET /api/v1/auth/user');

    // The second factor.
    await bad(422, app, 'POST /user/confirm-password', { password: passwords.wrong });
    await good(app, 'POST /user/confirm-password', { password: passwords.first });
    await good(app, 'POST /user/two-factor-authentication');
    const secretOf = async (): Promise<string> => {
      const { secretKey = '' } = (await good(app, 'GET /user/two-factor-secret-key')).body;
      secrets.add(secretKey);
      return secretKey;
    };
    await secretOf();
    await good(app, 'POST /user/two-factor-authentication', { force: true });
    const secret = await secretOf();
    const { svg = '' } = (await good(app, 'GET /user/two-factor-qr-code')).body;
    secrets.add(svg.slice(100, 300));
    const shown = async (client = app): Promise<string[]> => {
      const list = (await good(client, 'GET /user/two-factor-recovery-codes')).json as string[];
      for (const code of list) secrets.add(code);
      return list;
    };
    const totp = (wrong = false): string => {
      clock.advance({ seconds: 61 });
      const code = totpAt(secret, stepAt(clock.now()));
      const typed = wrong ? code.replace(/.$/, (digit) => String((Number(digit) + 3) % 10)) : code;
      codes.add(typed);
      return typed;
    };
    const paper = await shown();
    await bad(422, app, 'POST /user/confirmed-two-factor-authentication', { code: totp(true) });
    await good(app, 'POST /user/confirmed-two-factor-authentication', { code: totp() });
    await bad(404, app, 'GET /user/two-factor-secret-key');
    assert.deepEqual((await good(app, 'GET /user/two-factor-qr-code')).json, []);
    assert.deepEqual(await shown(), paper);

    // Signed in elsewhere: by a code, by a recovery code, remembered, confirmed, and with new codes.
    const other = await begin();
    assert.deepEqual((await login(other, passwords.first, { remember: true })).json, { two_factor: true });
    await bad(422, other, 'POST /api/v1/auth/two-factor-challenge', { code: totp(true) });
    await bad(422, other, 'POST /api/v1/auth/two-factor-challenge', { recovery_code: `${paper[0]}x` });
    await good(other, 'POST /api/v1/auth/two-factor-challenge', { code: totp() });
    const third = await begin();
    await login(third, passwords.first);
    await good(third, 'POST /two-factor-challenge', { recovery_code: paper[0] ?? '' });
    clock.advance({ hours: 3 });
    other.forgetSession();
    await good(other, 'GET /api/v1/auth/user');
    await bad(422, other, 'POST /user/confirm-password', { password: passwords.first });
    await bad(422, other, 'POST /user/confirm-password', { password: passwords.first, code: totp(true) });
    await good(other, 'POST /user/confirm-password', { password: passwords.first, code: totp() });
    await good(other, 'POST /user/two-factor-recovery-codes');
    const renewed = await shown(other);
    assert.equal(renewed.length, 8);
    clock.advance({ minutes: 9 });
    await good(other, 'POST /user/confirm-password', { password: passwords.first });
    clock.advance({ minutes: 2 });
    assert.deepEqual(await shown(other), []);

    // Another password, by the old one and by a link; and a remember cookie that comes back too late.
    await bad(422, other, 'PUT /api/v1/user/password', {
      current_password: passwords.wrong,
      ...both(passwords.second),
    });
    await good(other, 'PUT /api/v1/user/password', { current_password: passwords.first, ...both(passwords.second) });
    clock.advance({ minutes: 2 });
    await good(other, 'POST /api/v1/auth/forgot-password', { email, recaptcha_token: captcha.token });
    const reset = (await linkIn()).searchParams.get('token') ?? '';
    await bad(422, other, 'POST /api/v1/auth/reset-password', { email, token: `${reset}x`, ...both(passwords.third) });
    await bad(422, other, 'POST /api/v1/auth/reset-password', { email, token: reset, ...both(passwords.tooWeak) });
    await good(other, 'POST /api/v1/auth/reset-password', { email, token: reset, ...both(passwords.third) });
    const last = await begin();
    await login(last, passwords.third, { remember: true });
    await good(last, 'POST /api/v1/auth/two-factor-challenge', { code: totp() });
    const stolen = last.cookie(REMEMBER);
    last.forgetSession();
    await good(last, 'GET /api/v1/auth/user');
    clock.advance({ minutes: 3 });
    await bad(401, await begin(), 'GET /api/v1/auth/user', undefined, { cookie: `${REMEMBER}=${stolen}` });

    // One that stays, whose last mail nobody has been sent yet.
    const stays = await begin();
    await login(stays, passwords.third, { remember: true });
    await good(stays, 'POST /api/v1/auth/two-factor-challenge', { code: totp() });
    await good(stays, 'POST /user/confirm-password', { password: passwords.third });
    await good(stays, 'POST /user/two-factor-authentication', { force: true });
    await good(stays, 'GET /user/two-factor-recovery-codes').then(({ json }) => {
      for (const code of json as string[]) secrets.add(code);
    });
    const pending = (await good(stays, 'GET /user/two-factor-secret-key')).body.secretKey ?? '';
    secrets.add(pending);
    const mails = await world.mails();
    await good(stays, 'POST /api/v1/auth/forgot-password', { email, recaptcha_token: captcha.token });

    secrets.delete('');
    assert.ok(
      secrets.size >= 60 && codes.size >= 8 && answers.length >= 60,
      `${secrets.size}, ${codes.size}, ${answers.length}`,
    );
    const keys = [
      SECRET,
      ...world.world.keyring.peppers.flatMap(({ key }) => [key.toString('hex'), key.toString('base64')]),
    ];
    const never = [...Object.values(passwords), ...Object.values(captcha), ...secrets, ...keys];

    // Stored.
    const tables = await dump(world);
    assert.ok(tables.size >= 30, String(tables.size));
    nowhere(tables, found, never);
    nowhere(tables, standing, codes);
    nowhere(
      [...tables].filter(([table]) => !['account', 'identifier', 'one_time_token'].includes(table)),
      found,
      Object.values(person),
    );
    if (database === 'sqlite') nowhere(files(world), found, [...never, ...codes]);

    // Logged.
    const written = lines.join('');
    for (const event of ['password.set_up', 'second_factor.enabled', 'session.replayed', 'session.reauthenticated']) {
      assert.ok(written.includes(`"event":"${event}"`), event);
    }
    assert.match(written, /"msg":"request"/);
    assert.match(written, /a captcha could not be judged/);
    assert.deepEqual(found(written, [...never, ...Object.values(person)]), []);
    assert.deepEqual(standing(written, codes), []);

    // Recorded.
    const events = await world.world.store.audit.list({ accountUuid: uuid, limit: 1000 });
    assert.deepEqual(found(JSON.stringify(events), never), []);
    assert.deepEqual((await world.verifyAudit()).faults, []);

    // Mailed: a link to each that is to have one, and nothing else of what is secret.
    for (const { html, links, subject, text } of mails) {
      const secretsOf = links.flatMap((link) =>
        [...new URL(link).searchParams]
          .filter(([name]) => ['token', 'signature'].includes(name))
          .map(([, value]) => value),
      );
      assert.ok(secretsOf.length <= 1, subject);
      for (const link of links)
        assert.ok(
          [SPA, new URL(world.settings.GUICHET_PUBLIC_URL).origin, world.settings.GUICHET_SANCTUM_SPA_URL].includes(
            new URL(link).origin,
          ),
          link,
        );
      const rest = secretsOf.reduce(
        (left, value) => left.replaceAll(value, ''),
        [subject, text, html ?? ''].join('\n'),
      );
      assert.deepEqual(found(rest, never), [], subject);
      assert.deepEqual(standing(rest, codes), [], subject);
    }

    // Answered: cookies hold what names a session and nothing else; bodies show a secret where its own session looks at it.
    const besides: [string, string][] = [];
    for (const { headers, line, setCookies, text } of answers) {
      const { 'set-cookie': _, ...others } = headers;
      const [, path = ''] = line.split(' ');
      // What asks with a secret in its path is told of that path.
      const body = SHOWN.test(line) || text.includes('The route ') ? '' : text;
      besides.push([`${line.split(' ')[0]} ${path.split('?')[0]}`, JSON.stringify([body, others])]);
      for (const set of setCookies) {
        assert.match(set, /^(XSRF-TOKEN=[\w.-]+|(guichet_session|remember_web|guichet_client)=[\w-]*); /);
        if (!set.startsWith('XSRF-TOKEN')) assert.match(set, /; HttpOnly/);
        assert.match(set, /; Path=\/; .*SameSite=Lax/);
        assert.doesNotMatch(set, /Domain/);
        assert.deepEqual(
          plainly(set, [
            ...Object.values(passwords),
            ...keys,
            secret,
            pending,
            ...paper,
            ...renewed,
            reset,
            ...Object.values(person),
          ]),
          [],
        );
      }
    }
    nowhere(besides, found, never);
    nowhere(besides, standing, codes);
  });
}

/** Looks through all at once, and says where only of what it finds: each look makes many forms of each text. */
function nowhere(
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
