import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from '../../src/core/account.ts';
import { days } from '../../src/core/time.ts';
import { ORIGIN } from '../contracts/bearer/client.ts';
import { hasPostgres, makePostgresDatabase } from '../support/databases.ts';
import { type GitHubLookAlike, openGitHub } from '../support/github-look-alike.ts';
import { type RunningServer, startServer } from '../support/running-server.ts';
import { SoftwareAuthenticator } from '../support/software-authenticator.ts';
import { openStage, PASSWORD, tally } from '../support/stage.ts';
import { SECRET } from '../support/world.ts';
import { type BearerStage, openBearer } from './bearer-stage.ts';
import { type FactorStage, withFactors } from './second-factors.ts';

const ROUNDS = 20;
const FEW = 6;
const MANY = 50;
const PREFIX = '/api/auth';

interface Answer {
  status: number;
  body: {
    error?: string;
    challenge?: string;
    options?: object;
    session?: { id: string; token: string } | null;
    user?: { id: string };
  };
  text: string;
  location: string | undefined;
  cookie: string | undefined;
}

interface Question {
  body?: object;
  form?: Record<string, string>;
  token?: string;
  cookie?: string | undefined;
}

describe('two servers of the bearer contract, with one database', {
  skip: hasPostgres ? false : 'no PostgreSQL server',
}, () => {
  const undo: (() => unknown)[] = [];
  const agent = new Agent({ keepAlive: true });
  let stage: BearerStage & FactorStage;
  let github: GitHubLookAlike;
  let servers: RunningServer[] = [];
  let networks = 0;

  before(async () => {
    const t = { after: (step: () => unknown) => void undo.push(step) };
    const folder = mkdtempSync(join(tmpdir(), 'guichet-two-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const url = await makePostgresDatabase(t, { migrated: true });
    github = await openGitHub(t);
    const env = {
      GUICHET_DATABASE_URL: url,
      GUICHET_DATA_DIR: folder,
      GUICHET_SECRET: SECRET,
      GUICHET_PUBLIC_URL: ORIGIN,
      GUICHET_TRUST_PROXY: '127.0.0.1',
      GUICHET_DOCS: 'off',
      GUICHET_GITHUB_CLIENT_ID: github.clientId,
      GUICHET_GITHUB_CLIENT_SECRET: github.clientSecret,
      GUICHET_GITHUB_BASE_URL: github.url,
      GUICHET_GITHUB_API_URL: github.apiUrl,
    };
    const opened = await openBearer(() => openStage(t, { env: { GUICHET_DATABASE_URL: url } }));
    stage = Object.assign(await withFactors(opened), opened);
    // What is made beside the servers follows the same clock as theirs: the wall's.
    turn();
    servers = await Promise.all([startServer(env), startServer(env)]);
    for (const server of servers) t.after(() => server.stop());
    t.after(() => agent.destroy());
  });
  after(async () => {
    for (const step of undo.reverse()) await step();
  });

  const turn = (): void => stage.clock.advance({ milliseconds: Date.now() - stage.clock.now() });

  /** Asks the one server or the other as a proxy that both trust, each time for another network. */
  function ask(index: number, line: string, { body, cookie, form, token }: Question = {}): Promise<Answer> {
    networks += 1;
    const [method = '', path = ''] = line.split(' ');
    const text = form ? new URLSearchParams(form).toString() : body && JSON.stringify(body);
    const headers = {
      'X-Forwarded-For': `10.${networks >> 8}.${networks & 255}.1`,
      ...(text && {
        'Content-Type': form ? 'application/x-www-form-urlencoded' : 'application/json',
        'Content-Length': Buffer.byteLength(text),
      }),
      ...(form && { Origin: ORIGIN }),
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(cookie && { Cookie: cookie }),
    };
    const { port = 0 } = servers[index % 2] ?? {};
    return new Promise((resolve, reject) => {
      const asked = request({ agent, host: '127.0.0.1', port, method, path, headers }, (response) => {
        let received = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          received += chunk;
        });
        response.on('error', reject);
        response.on('end', () => {
          const isJson = /json/.test(response.headers['content-type'] ?? '') && received !== '';
          resolve({
            status: response.statusCode ?? 0,
            body: isJson ? JSON.parse(received) : {},
            text: received,
            location: response.headers.location,
            cookie: response.headers['set-cookie']?.map((one) => one.split(';')[0]).join('; '),
          });
        });
      });
      asked.on('error', reject);
      asked.end(text);
    });
  }
  const api = (index: number, line: string, question?: Question): Promise<Answer> =>
    ask(index, line.replace(' ', ` ${PREFIX}`), question);

  const atOnce = (count: number, call: (index: number) => Promise<Answer>): Promise<Answer[]> =>
    Promise.all(Array.from({ length: count }, (_, index) => call(index)));
  /** What is said of each refusal or success, and how often. */
  const said = (answers: Answer[]): Record<string, number> =>
    tally(answers.map(({ body, status }) => `${status} ${body.error ?? 'yes'}`));
  const yeses = (answers: Answer[]): Answer[] => answers.filter(({ status }) => status < 400);
  const assertOnly = (answers: Answer[], allowed: string[]): void =>
    assert.deepEqual(
      Object.keys(said(answers)).filter((text) => !allowed.includes(text)),
      [],
    );

  async function rounds(play: (round: number) => Promise<void>): Promise<void> {
    for (let round = 0; round < ROUNDS; round += 1) {
      turn();
      await play(round);
    }
    await stage.checkBooks();
  }

  const signIn = async (account: { email: string }, password = PASSWORD): Promise<string> => {
    const { body, text } = await api(0, 'POST /sign-in', { body: { email: account.email, password } });
    return body.session?.token ?? assert.fail(text);
  };
  const numberOf = async (table: 'session' | 'passkey' | 'linked_identity', { id }: Account): Promise<number> =>
    (await stage.handle.read.selectFrom(table).select('account_id').where('account_id', '=', id).execute()).length;

  for (const [purpose, path, field] of [
    ['magic_link', '/magic-link/verify', 'token'],
    ['exchange', '/exchange', 'code'],
  ] as const) {
    it(`let one in with a token of ${purpose}`, async () => {
      const person = await stage.person();
      await rounds(async (round) => {
        const facts = { redirectUrl: null, codeChallenge: null, firstFactor: 'provider' } as const;
        const token = await stage.token(person, purpose, facts);
        const callers = round === 0 ? MANY : FEW;
        const answers = await atOnce(callers, (index) => api(index, `POST ${path}`, { body: { [field]: token } }));
        assert.deepEqual(said(answers), { '200 yes': 1, '400 INVALID_TOKEN': callers - 1 });
        assert.equal(await numberOf('session', person), round + 1);
      });
    });
  }

  it('let one in with a token and a code of the second factor', async () => {
    stage.clock.advance({ hours: -2 });
    const who = await stage.somebody('totp');
    turn();
    const account = (await stage.world.store.accounts.find(who.id)) ?? assert.fail();
    const token = await stage.magicLink(account);
    const due = await api(0, 'POST /magic-link/verify', { body: { token } });
    assert.deepEqual(said([due]), { '401 TOTP_REQUIRED': 1 });
    const totpCode = await stage.code(who);
    const answers = await atOnce(MANY, (index) => api(index, 'POST /magic-link/verify', { body: { token, totpCode } }));
    assert.equal(yeses(answers).length, 1);
    assertOnly(answers, ['200 yes', '401 INVALID_TOTP', '400 INVALID_TOKEN']);
    assert.equal(await numberOf('session', account), 1);
  });

  it('prove an address once, and keep the session it was signed up with', async () => {
    await rounds(async () => {
      const email = stage.address();
      const made = await api(1, 'POST /sign-up', { body: { email, password: PASSWORD } });
      const account = (await stage.world.store.accounts.findByIdentifier('email', email)) ?? assert.fail();
      const token = await stage.token(account, 'email_verification', null);
      const answers = await atOnce(FEW, (index) => api(index, 'POST /verify-email', { body: { token } }));
      assert.deepEqual(said(answers), { '200 yes': 1, '400 INVALID_TOKEN': FEW - 1 });
      const listed = await api(0, 'GET /sessions', { token: made.body.session?.token ?? '' });
      assert.equal(listed.status, 200, listed.text);
    });
  });

  it('make one account of an address', async () => {
    await rounds(async () => {
      const email = stage.address();
      const answers = await atOnce(FEW, (index) =>
        api(index, 'POST /sign-up', { body: { email: index % 3 ? email : email.toUpperCase(), password: PASSWORD } }),
      );
      assert.deepEqual(said(answers), { '201 yes': 1, '409 USER_ALREADY_EXISTS': FEW - 1 });
      const account = (await stage.world.store.accounts.findByIdentifier('email', email)) ?? assert.fail();
      assert.equal(yeses(answers)[0]?.body.user?.id, `user_${account.uuid}`);
      assert.equal(await numberOf('session', account), 1);
    });
  });

  it('give an address that two want to one of them', async () => {
    await rounds(async () => {
      const wanted = stage.address('wanted');
      const people = [await stage.member(), await stage.member()];
      const forms: { form: Record<string, string>; cookie: string | undefined }[] = [];
      for (const [index, person] of people.entries()) {
        const token = await stage.emailChange(person, wanted);
        const page = await ask(index, `GET /change-email?token=${token}`);
        const form_token = /name="form_token" value="([^"]+)"/.exec(page.text)?.[1] ?? assert.fail(page.text);
        forms.push({ form: { token, form_token }, cookie: page.cookie });
      }
      const answers = await atOnce(FEW, (index) => ask(index >> 1, 'POST /change-email', forms[index % 2] ?? {}));
      assert.deepEqual(
        answers.filter(({ status }) => status >= 500),
        [],
      );
      const holder = await stage.world.store.accounts.findByIdentifier('email', wanted);
      const addresses = await Promise.all(
        people.map(async ({ id }) => (await stage.world.store.accounts.find(id))?.email),
      );
      assert.equal(addresses.filter((address) => address === wanted).length, 1);
      assert.ok(people.some(({ id }) => id === holder?.id));
      assert.equal(yeses(answers).length, 1, JSON.stringify(tally(answers.map(({ status }) => String(status)))));
    });
  });

  it('meet one browser that comes back from a provider, once', async () => {
    await rounds(async (round) => {
      const email = stage.address('octocat');
      github.user = { id: 1000 + round, login: `octocat-${round}`, name: null, avatar_url: null };
      github.emails = [{ email, verified: true, primary: true, visibility: null }];
      const started = await api(round, 'GET /oauth/github');
      const back = new URL(await github.signInAt(started.location ?? ''));
      const answers = await atOnce(FEW, (index) =>
        ask(index, `GET ${back.pathname}${back.search}`, { cookie: started.cookie }),
      );
      assert.equal(yeses(answers).length, 1);
      // Whoever asks the provider second is told that the code was used.
      assertOnly(answers, ['200 yes', '400 INVALID_TOKEN', '401 PROVIDER_REFUSED']);
      const account = (await stage.world.store.accounts.findByIdentifier('email', email)) ?? assert.fail();
      assert.deepEqual([await numberOf('linked_identity', account), await numberOf('session', account)], [1, 1]);
    });
  });

  it('make one account of one person who comes back from a provider in several tabs', async () => {
    await rounds(async (round) => {
      const email = stage.address('octocat');
      github.user = { id: 2000 + round, login: `octocat-${round}`, name: null, avatar_url: null };
      github.emails = [{ email, verified: true, primary: true, visibility: null }];
      const tabs = await Promise.all(
        [0, 1, 2, 3].map(async (index) => {
          const started = await api(index, 'GET /oauth/github');
          const back = new URL(await github.signInAt(started.location ?? ''));
          return { path: `${back.pathname}${back.search}`, cookie: started.cookie };
        }),
      );
      const answers = await atOnce(tabs.length, (index) =>
        ask(index, `GET ${tabs[index]?.path}`, { cookie: tabs[index]?.cookie }),
      );
      assert.deepEqual(said(answers), { '200 yes': tabs.length });
      const account = (await stage.world.store.accounts.findByIdentifier('email', email)) ?? assert.fail();
      assert.equal(await numberOf('linked_identity', account), 1);
      assert.equal(await numberOf('session', account), tabs.length);
    });
  });

  it('R106: let one in with a passkey’s answer', async () => {
    const { session, ...person } = await stage.member();
    const authenticator = await stage.addPasskey(
      await stage.liveBy(session),
      new SoftwareAuthenticator({ counts: false }),
    );
    await rounds(async (round) => {
      const { body } = await api(round, 'POST /passkey/sign-in');
      const response = authenticator.assert(body.options ?? {}, { origin: ORIGIN });
      const answers = await atOnce(FEW, (index) => api(index, 'POST /passkey/sign-in', { body: { response } }));
      assert.deepEqual(said(answers), { '200 yes': 1, '401 INVALID_PASSKEY': FEW - 1 });
      assert.equal(await numberOf('session', person), round + 2);
    });
  });

  it('R103: keep the last way in', async () => {
    await rounds(async () => {
      const { session, ...person } = await stage.passwordless();
      await stage.addPasskey(await stage.liveBy(session));
      await stage.link(person, stage.stranger());
      const [passkey] = await stage.world.store.passkeys.list(person.id);
      const lines = [`DELETE /passkeys/passkey_${passkey?.uuid}`, 'DELETE /accounts/github'];
      const token = session.sessionToken;
      const remove = async (index: number): Promise<Answer> => {
        const first = await api(index >> 1, lines[index % 2] ?? '', { token });
        // A change of the account voids what was read of it; whoever asks again is judged anew.
        return first.status === 401 ? api(index >> 1, lines[index % 2] ?? '', { token }) : first;
      };
      const answers = await atOnce(FEW, remove);
      assert.equal(yeses(answers).length, 1, JSON.stringify(said(answers)));
      assert.ok(answers.every(({ status }) => status < 500));
      assert.equal((await numberOf('passkey', person)) + (await numberOf('linked_identity', person)), 1);
    });
  });

  it('R071, R072: end a session for good, at once for changes and within a second for looks', async () => {
    const person = await stage.person();
    let last = '';
    await rounds(async () => {
      const token = await signIn(person);
      last = token;
      await Promise.all([api(0, 'GET /session', { token }), api(1, 'GET /session', { token })]);
      const answers = await atOnce(12, (index) => {
        if (index === 5) return api(index, 'POST /sign-out', { token });
        if (index % 3 === 0) return api(index, 'PATCH /user', { token, body: { name: `Name ${index}` } });
        return api(index, 'GET /session', { token });
      });
      assertOnly(answers, ['200 yes', '401 INVALID_TOKEN']);
      assert.equal(answers[5]?.status, 200);
      for (const index of [0, 1]) {
        const late = await api(index, 'PATCH /user', { token, body: { name: 'Late' } });
        assert.deepEqual(said([late]), { '401 INVALID_TOKEN': 1 });
      }
      assert.equal(await numberOf('session', person), 0);
    });
    await sleep(1000);
    for (const index of [0, 1])
      assert.deepEqual(said([await api(index, 'GET /session', { token: last })]), { '401 INVALID_TOKEN': 1 });
  });

  it('R074: keep as many sessions as may live', async () => {
    const { session, ...person } = await stage.member();
    const lastUsedAt = stage.clock.now() - days(2);
    await stage.world.store.transaction(async ({ sessions }) => {
      for (let count = 0; count < 50; count += 1) {
        const id = stage.world.random.uuid() as typeof session.session.id;
        await sessions.insert({ ...session.session, id, lastUsedAt, tokenDigest: `digest ${id}` });
      }
    });
    const answers = await atOnce(10, (index) =>
      api(index, 'POST /sign-in', { body: { email: person.email, password: PASSWORD } }),
    );
    assert.deepEqual(said(answers), { '200 yes': 10 });
    assert.equal(await numberOf('session', person), 50);
    for (const [index, { body }] of answers.entries())
      assert.equal((await api(index, 'GET /session', { token: body.session?.token ?? '' })).status, 200);
  });

  it('let nobody into an account that its owner deletes meanwhile', async () => {
    await rounds(async () => {
      const person = await stage.person();
      const token = await signIn(person);
      const link = await stage.magicLink(person);
      const answers = await atOnce(FEW, (index) => {
        if (index === 3) return api(index, 'DELETE /user', { token });
        if (index % 2) return api(index >> 1, 'POST /magic-link/verify', { body: { token: link } });
        return api(index >> 1, 'POST /sign-in', { body: { email: person.email, password: PASSWORD } });
      });
      assertOnly(answers, ['200 yes', '401 INVALID_CREDENTIALS', '400 INVALID_TOKEN']);
      assert.equal(answers[3]?.status, 200, answers[3]?.text);
      assert.equal(await stage.world.store.accounts.find(person.id), undefined);
      assert.equal(await numberOf('session', person), 0);
    });
  });

  it('leave nothing planted in an account whose owner has come by a link', async () => {
    await rounds(async () => {
      const person = await stage.person({ verified: false });
      const token = await signIn(person);
      const link = await stage.magicLink(person);
      const answers = await atOnce(FEW, (index) => {
        if (index === 3) return api(index, 'POST /magic-link/verify', { body: { token: link } });
        if (index % 2) return api(index >> 1, 'PATCH /user', { token, body: { name: 'Planted again' } });
        return api(index >> 1, 'POST /sign-in', { body: { email: person.email, password: PASSWORD } });
      });
      assertOnly(answers, ['200 yes', '401 INVALID_CREDENTIALS', '401 INVALID_TOKEN']);
      assert.equal(answers[3]?.status, 200, answers[3]?.text);
      assert.equal(await numberOf('session', person), 1);
      assert.equal(await stage.world.store.passwords.find(person.id), undefined);
      assert.equal((await stage.world.store.accounts.find(person.id))?.name, null);
      const late = await api(1, 'PATCH /user', { token, body: { name: 'Late' } });
      assert.deepEqual(said([late]), { '401 INVALID_TOKEN': 1 });
    });
  });
});
