import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { sql } from 'kysely';
import { type Answer, Client } from '../contracts/cookie/client.ts';
import { hasPostgres } from '../support/databases.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { SECRET } from '../support/world.ts';

const passwords = {
  first: 'canary-one tangerine 4711',
  second: 'canary-two tangerine 4712',
  third: 'canary-three tangerine 4713',
  wrong: 'canary-wrong tangerine 4714',
  typedAsAddress: 'canary-typed-as-address.4715',
  tooWeak: 'canary1',
};
const NAME = 'Canary Nightingale';
const AGENT = 'Canary-Agent/1.0';

interface Life {
  email: string;
  answers: Answer[];
  /** Links, tokens and what else only the mail and the cookies may hold. */
  secrets: string[];
}

/** Everything that an account goes through, by its contract. */
async function live(stage: Stage): Promise<Life> {
  const app = await stage.server();
  const email = 'canary.nightingale@example.com';
  const browser = new Client(app, { headers: { 'user-agent': AGENT } });
  const stranger = new Client(app, { address: '10.9.8.7' });
  const answers: Answer[] = [];
  const secrets: string[] = [];
  const ask = async (client: Client, ...request: Parameters<Client['ask']>): Promise<Answer> => {
    const answer = await client.ask(...request);
    answers.push(answer);
    secrets.push(...client.jar.values());
    stage.clock.advance({ seconds: 61 });
    return answer;
  };
  const mailed = async (): Promise<string> => {
    const token = await stage.tokenFor(email);
    secrets.push(token);
    return token;
  };
  const signIn = (password: string, client = browser) => ask(client, 'POST', '/login', { body: { email, password } });

  await ask(browser, 'POST', '/register', { body: { email, name: NAME, password: passwords.tooWeak } });
  await ask(browser, 'POST', '/register', { body: { email, name: NAME, password: passwords.first } });
  await ask(stranger, 'POST', '/register', { body: { email, name: NAME, password: passwords.second } });
  await mailed();
  await ask(browser, 'POST', '/send-email-verification', { body: { email } });
  const verification = await mailed();
  await signIn(passwords.first);
  await stage.identity.lookAtVerification({ token: verification });
  await ask(browser, 'POST', '/verify-email', { body: { token: `${verification}x` } });
  await ask(browser, 'POST', '/verify-email', { body: { token: verification } });
  await ask(browser, 'POST', '/verify-email', { body: { token: verification } });

  await signIn(passwords.wrong);
  await ask(browser, 'POST', '/login', { body: { email: passwords.typedAsAddress, password: passwords.wrong } });
  await ask(browser, 'POST', '/login', {
    raw: `{"email":"${email}","password":"${passwords.first}"`,
    headers: { 'content-type': 'application/json' },
  });
  await ask(browser, 'POST', '/login', {
    body: { email, password: passwords.first, extra: { password: passwords.first } },
  });
  await ask(browser, 'POST', '/login', { body: { email: [email], password: { text: passwords.first } } });
  assert.equal((await signIn(passwords.first)).status, 200);
  await ask(browser, 'GET', `/me?accessToken=${browser.cookie('accessToken')}`);
  await ask(browser, 'GET', '/sessions');
  await ask(browser, 'GET', `/${browser.cookie('refreshToken')}`);
  const spent = browser.cookie('refreshToken');
  assert.equal((await ask(browser, 'POST', '/refresh')).status, 200);
  await ask(browser, 'POST', '/reauthenticate', { body: { password: passwords.wrong } });
  await ask(browser, 'POST', '/reauthenticate', { body: { password: passwords.first } });
  await ask(browser, 'PUT', '/password', { body: { currentPassword: passwords.wrong, newPassword: passwords.second } });
  assert.equal(
    (
      await ask(browser, 'PUT', '/password', {
        body: { currentPassword: passwords.first, newPassword: passwords.second },
      })
    ).status,
    200,
  );
  await ask(stranger, 'POST', '/refresh', { cookie: `refreshToken=${spent}` });

  await ask(browser, 'POST', '/forgot-password', { body: { email } });
  const reset = await mailed();
  await ask(browser, 'POST', '/reset-password', { body: { token: reset, password: passwords.tooWeak } });
  assert.equal(
    (await ask(browser, 'POST', '/reset-password', { body: { token: reset, password: passwords.third } })).status,
    200,
  );
  for (let time = 0; time < 11; time += 1)
    await signIn(passwords.wrong, new Client(app, { address: `10.0.${time}.1` }));
  const unlock = await mailed();
  await stage.identity.unlockSignIn({ token: unlock, contract: 'page', caller: stage.caller() });
  assert.equal((await signIn(passwords.third)).status, 200);
  await ask(browser, 'POST', '/logout');
  assert.equal((await signIn(passwords.third)).status, 200);
  const invited = 'invited.canary@example.com';
  const { id } = await stage.identity.createAccount({ email: invited });
  const token = await stage.tokenFor(invited);
  const signature = Buffer.from(token, 'base64url').toString('hex');
  const link = { id, hash: '0'.repeat(64), expires: 1, signature };
  secrets.push(token, signature, signature.slice(0, 32), signature.slice(32));
  await app.inject({ url: `/set-up-password?token=${token}` });
  await app.inject({ url: `/setup-password/${id}/${link.hash}?expires=1&signature=${signature}` });
  for (const given of [link, { token }]) {
    const input = { link: given, password: passwords.third, contract: 'page', caller: stage.caller() } as const;
    const { outcome } = await stage.identity.finishSetUp(input);
    assert.equal(outcome, 'token' in given ? 'set_up' : 'unknown');
  }
  await stage.identity.rotateSigningKey({ contract: 'cookie', now: true });
  await stage.mails();
  return { email, answers, secrets: [...new Set(secrets)] };
}

/** A text in the forms in which it could lie somewhere. */
const forms = (text: string): string[] => {
  const digests = [
    createHash('sha256').update(text).digest(),
    createHash('sha1').update(text).digest(),
    createHash('md5').update(text).digest(),
  ];
  return [
    text,
    encodeURIComponent(text),
    Buffer.from(text).toString('base64').replace(/=+$/, ''),
    Buffer.from(text).toString('base64url'),
    Buffer.from(text).toString('hex'),
    ...digests.flatMap((digest) => [
      digest.toString('hex'),
      digest.toString('base64').replace(/=+$/, ''),
      digest.toString('base64url'),
    ]),
  ];
};

const found = (where: string, texts: readonly string[]): string[] =>
  texts.filter((text) => forms(text).some((form) => where.includes(form)));

/** Every table of the database, each row as text. */
async function dump(stage: Stage): Promise<Map<string, string>> {
  const { read, kind } = stage.handle;
  const names =
    kind === 'sqlite'
      ? await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(read)
      : await sql<{ name: string }>`select tablename as name from pg_tables where schemaname = 'public'`.execute(read);
  const tables = new Map<string, string>();
  for (const { name } of names.rows) {
    const { rows } = await sql`select * from ${sql.table(name)}`.execute(read);
    tables.set(name, JSON.stringify(rows));
  }
  return tables;
}

for (const database of ['sqlite', 'postgres'] as const) {
  it(`no secret of a whole life is stored, logged or answered, on ${database}`, {
    skip: database === 'postgres' && !hasPostgres,
  }, async (t: TestContext) => {
    const lines: string[] = [];
    const stage = await openStage(t, { database, log: { write: (line) => void lines.push(line) } });
    const { email, answers, secrets } = await live(stage);
    assert.ok(secrets.length >= 12 && answers.length >= 35, `${secrets.length} secrets, ${answers.length} answers`);
    const words = Object.values(passwords);
    const keys = [
      SECRET,
      ...stage.world.keyring.peppers.flatMap(({ key }) => [key.toString('hex'), key.toString('base64')]),
    ];

    const tables = await dump(stage);
    assert.ok(tables.size >= 16);
    for (const [table, text] of tables) {
      assert.deepEqual(found(text, [...words, ...secrets, ...keys]), [], table);
      if (table !== 'account') assert.deepEqual(found(text, [NAME]), [], table);
      if (table !== 'identifier') assert.deepEqual(found(text, [email]), [], table);
    }

    const log = lines.join('');
    assert.match(log, /"event":"sign_in.succeeded"/);
    assert.match(log, /"msg":"request"/);
    assert.deepEqual(found(log, [...words, ...secrets, ...keys, NAME, email]), []);
    for (const line of lines) assert.ok(JSON.parse(line).time, line);

    for (const { text, headers, setCookies } of answers) {
      assert.deepEqual(found(text, [...words, ...secrets, ...keys]), [], text);
      const { 'set-cookie': _, ...others } = headers;
      assert.deepEqual(found(JSON.stringify(others), [...words, ...secrets, ...keys]), []);
      const handedOut = setCookies.filter((line) => !/Max-Age=0/.test(line)).map((line) => line.split('=')[0]);
      assert.ok(
        handedOut.every((name) => ['accessToken', 'refreshToken', 'guichet_client'].includes(name ?? '')),
        String(handedOut),
      );
    }

    const sealed = await stage.handle.read.selectFrom('mailbox_message').select('sealed').execute();
    const private_ = await stage.handle.read.selectFrom('signing_key').select('sealed_private_jwk as sealed').execute();
    const nonces = [...sealed, ...private_].map((row) => row.sealed.split('.')[1]);
    assert.ok(nonces.length >= 8);
    assert.equal(new Set(nonces).size, nonces.length);

    if (database === 'sqlite') {
      const folder = dirname(stage.settings.GUICHET_DATABASE_URL.slice('sqlite:'.length));
      const files = readdirSync(folder).filter((name) => name.startsWith('guichet.db'));
      assert.deepEqual(files.sort(), ['guichet.db', 'guichet.db-shm', 'guichet.db-wal']);
      for (const name of files) {
        const path = join(folder, name);
        assert.equal(statSync(path).mode & 0o777, 0o600, name);
        assert.deepEqual(found(readFileSync(path, 'latin1'), [...words, ...secrets, ...keys]), [], name);
      }
    }
  });
}

it('nothing of a deleted account is left in any table', async (t) => {
  const stage = await openStage(t);
  const { email } = await live(stage);
  const { uuid } = await stage.identity.findAccount({ name: email });
  await stage.identity.deleteAccount({ uuid });
  await stage.mailbox?.empty();
  for (const [table, text] of await dump(stage)) assert.deepEqual(found(text, [NAME, email]), [], table);
});
