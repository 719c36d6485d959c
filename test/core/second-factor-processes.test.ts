import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CodeFactor } from '../../src/core/account.ts';
import { hasPostgres, makePostgresDatabase } from '../support/databases.ts';
import { type RunningServer, startServer } from '../support/running-server.ts';
import { openStage, PASSWORD, tally } from '../support/stage.ts';
import { SECRET } from '../support/world.ts';
import { type FactorStage, type Somebody, withFactors } from './second-factors.ts';

const CALLERS = 50;
const COOKIE = '/v1/auth';
const DEVICE = '/api/v1/auth';

interface Answer {
  status: number;
  body: { challenge?: string; error?: string };
  challenge: string | undefined;
}

/** Asks as a proxy that both servers trust. */
function ask(
  agent: Agent,
  { port }: RunningServer,
  path: string,
  of: { body: object; from: string; challenge?: string },
): Promise<Answer> {
  const text = JSON.stringify(of.body);
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'X-Forwarded-For': of.from,
    ...(of.challenge && { Cookie: `challenge=${of.challenge}` }),
  };
  const to = { agent, host: '127.0.0.1', port, method: 'POST', path, headers };
  return new Promise((resolve, reject) => {
    const asked = request(to, (response) => {
      let received = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        received += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        const set = (response.headers['set-cookie'] ?? []).map((line) => /^challenge=([^;]+)/.exec(line)?.[1]);
        resolve({
          status: response.statusCode ?? 0,
          body: JSON.parse(received),
          challenge: set.find((value) => value !== undefined),
        });
      });
    });
    asked.on('error', reject);
    asked.end(text);
  });
}

/** What is said of each refusal or success, and how often. */
const said = (answers: Answer[]): Record<string, number> =>
  tally(answers.map(({ body, status }) => `${status} ${body.error ?? 'yes'}`));
const yeses = (answers: Answer[]): number => answers.filter(({ status }) => status === 200).length;
/** Whoever does not get in is told one of these, and nobody meets a fault. */
const REFUSALS = ['INVALID_TWO_FACTOR_CODE', 'invalid_otp', 'RATE_LIMIT_EXCEEDED', 'rate_limited'];
/** On a slow machine some of hundreds are told to come back. */
const BUSY = ['UNAVAILABLE', 'unavailable'];
const surprises = (answers: Answer[]): string[] =>
  Object.keys(said(answers)).filter((text) => ![...REFUSALS, ...BUSY].includes(text.slice(4)) && text !== '200 yes');

describe('two servers with one database', { skip: hasPostgres ? false : 'no PostgreSQL server' }, () => {
  const undo: (() => unknown)[] = [];
  const agent = new Agent({ keepAlive: true });
  let stage: FactorStage;
  let servers: RunningServer[] = [];
  let networks = 0;

  before(async () => {
    const t = { after: (step: () => unknown) => void undo.push(step) };
    const folder = mkdtempSync(join(tmpdir(), 'guichet-two-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const url = await makePostgresDatabase(t, { migrated: true });
    const env = {
      GUICHET_DATABASE_URL: url,
      GUICHET_DATA_DIR: folder,
      GUICHET_SECRET: SECRET,
      GUICHET_PUBLIC_URL: 'http://localhost:3000',
      GUICHET_TRUST_PROXY: '127.0.0.1',
      GUICHET_DOCS: 'off',
      GUICHET_SMS_BUDGET: '1000',
    };
    // What is looked up and made beside the servers follows the same clock as theirs: the wall's.
    stage = await withFactors(await openStage(t, { env: { GUICHET_DATABASE_URL: url } }));
    stage.clock.advance({ milliseconds: Date.now() - stage.clock.now() });
    servers = await Promise.all([startServer(env), startServer(env)]);
    for (const server of servers) t.after(() => server.stop());
    t.after(() => agent.destroy());
  });
  after(async () => {
    for (const step of undo.reverse()) await step();
  });

  const at = (index: number): RunningServer => servers[index % 2] ?? assert.fail();
  const network = (): string => {
    networks += 1;
    return `10.${networks >> 8}.${networks & 255}.1`;
  };

  /** Somebody whose second factor is on since long ago, by the servers' clock. */
  async function somebody(channel: CodeFactor): Promise<Somebody> {
    const now = Date.now();
    stage.clock.advance({ milliseconds: now - stage.clock.now(), hours: -2 });
    const who = await stage.somebody(channel);
    stage.clock.advance({ milliseconds: Date.now() - stage.clock.now() });
    return who;
  }

  async function loginAt(server: RunningServer, who: Somebody, contract: 'cookie' | 'device', from = network()) {
    const [path, body] =
      contract === 'cookie'
        ? [`${COOKIE}/login`, { email: who.email, password: PASSWORD }]
        : [`${DEVICE}/login`, { identifier: who.email, password: PASSWORD }];
    const answer = await ask(agent, server, path, { body, from });
    const challenge = contract === 'cookie' ? answer.challenge : answer.body.challenge;
    assert.ok(challenge, JSON.stringify(answer.body));
    return { contract, challenge: challenge as string, from };
  }

  const completeAt = (
    server: RunningServer,
    who: Somebody,
    { challenge, contract }: { challenge: string; contract: 'cookie' | 'device' },
    otp: string,
    from = network(),
  ): Promise<Answer> => {
    if (contract === 'device') {
      return ask(agent, server, `${DEVICE}/2fa/verify`, { body: { identifier: who.email, otp, challenge }, from });
    }
    const body = otp.length > 6 ? { recoveryCode: otp } : { code: otp };
    return ask(agent, server, `${COOKIE}/two-factor`, { body, challenge, from });
  };

  /** The newest code, once the servers have sent it. */
  async function sentCode(who: Somebody): Promise<string> {
    for (let time = 0; time < 100; time += 1) {
      const [code] = await stage.codesTo(who.channel === 'sms' ? who.phone : who.email);
      if (code) return code;
      await sleep(20);
    }
    return assert.fail('no code was sent');
  }

  const sessionsOf = async ({ id }: Somebody): Promise<number> =>
    (await stage.handle.read.selectFrom('session').select('id').where('account_id', '=', id).execute()).length;

  for (const channel of ['email', 'sms', 'totp'] as const) {
    it(`let one in with the right code of the ${channel} factor`, async () => {
      const who = await somebody(channel);
      const pending = await loginAt(at(0), who, 'cookie');
      const code = channel === 'totp' ? await stage.code(who) : await sentCode(who);
      const answers = await Promise.all(
        Array.from({ length: CALLERS }, (_, index) => completeAt(at(index), who, pending, code)),
      );
      assert.deepEqual([yeses(answers), surprises(answers)], [1, []]);
      assert.equal(await sessionsOf(who), 1);
      assert.deepEqual(await stage.counted(who), { codes: 0, recoveryCodes: 0, inARow: 0 });
    });
  }

  it('let one in with a recovery code', async () => {
    const who = await somebody('totp');
    const pending = [await loginAt(at(0), who, 'cookie'), await loginAt(at(1), who, 'device')];
    const [recoveryCode = ''] = who.recoveryCodes;
    const answers = await Promise.all(
      Array.from({ length: CALLERS }, (_, index) =>
        completeAt(at(index >> 1), who, pending[index % 2] ?? assert.fail(), recoveryCode),
      ),
    );
    assert.deepEqual([yeses(answers), surprises(answers)], [1, []]);
    assert.equal(await sessionsOf(who), 1);
    assert.equal(await stage.world.store.secondFactors.countRecoveryCodes(who.id), 9);
  });

  it('let one in with one code of an authenticator, over two contracts (R043)', async () => {
    const who = await somebody('totp');
    const pending = [await loginAt(at(0), who, 'cookie'), await loginAt(at(1), who, 'device')];
    const code = await stage.code(who);
    const answers = await Promise.all(
      Array.from({ length: CALLERS }, (_, index) =>
        completeAt(at(index >> 1), who, pending[index % 2] ?? assert.fail(), code),
      ),
    );
    assert.deepEqual([yeses(answers), surprises(answers)], [1, []]);
    assert.equal(await sessionsOf(who), 1);
    assert.deepEqual(await stage.counted(who), { codes: 0, recoveryCodes: 0, inARow: 0 });
  });

  for (const channel of ['email', 'totp'] as const) {
    it(`compare five of two hundred codes with one login of the ${channel} factor`, async () => {
      const who = await somebody(channel);
      const pending = await loginAt(at(1), who, 'device');
      const right = channel === 'totp' ? await stage.code(who) : await sentCode(who);
      const codes = await stage.wrong(who, 200);
      const answers = await Promise.all(codes.map((code, index) => completeAt(at(index), who, pending, code)));
      assert.deepEqual([yeses(answers), surprises(answers)], [0, []]);
      assert.deepEqual(await stage.counted(who), { codes: 5, recoveryCodes: 0, inARow: 5 });
      assert.deepEqual(said([await completeAt(at(0), who, pending, right)]), { '401 invalid_otp': 1 });
      assert.equal(await sessionsOf(who), 0);
    });
  }

  it('compare ten codes an hour, over twenty logins from twenty networks (R037)', async () => {
    const who = await somebody('totp');
    const codes = await stage.wrong(who, 100);
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const from = network();
        const pending = await loginAt(at(index), who, index % 4 < 2 ? 'cookie' : 'device', from);
        const own = codes.slice(5 * index, 5 * index + 5);
        return Promise.all(own.map((code, time) => completeAt(at(index + time), who, pending, code, from)));
      }),
    );
    assert.deepEqual([yeses(answers.flat()), surprises(answers.flat())], [0, []]);
    assert.ok((await stage.counted(who)).codes <= 10);
    for (let time = 0; (await stage.counted(who)).codes < 10 && time < 3; time += 1) {
      const pending = await loginAt(at(time), who, 'cookie');
      await Promise.all(codes.slice(0, 5).map((code) => completeAt(at(0), who, pending, code)));
    }
    assert.deepEqual(await stage.counted(who), { codes: 10, recoveryCodes: 0, inARow: 10 });
    const pending = await loginAt(at(0), who, 'cookie');
    const right = await completeAt(at(1), who, pending, await stage.code(who));
    assert.deepEqual(said([right]), { '429 RATE_LIMIT_EXCEEDED': 1 });
  });

  it('count what comes from one network together', async () => {
    const who = await somebody('totp');
    const pending = await loginAt(at(0), who, 'device');
    const stranger = network();
    const answers: Answer[] = [];
    for (let round = 0; round < 4; round += 1) {
      answers.push(
        ...(await Promise.all(
          Array.from({ length: 10 }, (_, index) =>
            ask(agent, at(index), `${DEVICE}/2fa/verify`, {
              body: { identifier: who.email, otp: '123456' },
              from: stranger,
            }),
          ),
        )),
      );
    }
    assert.deepEqual(said(answers), { '401 invalid_otp': 30, '429 rate_limited': 10 });
    assert.deepEqual(await stage.counted(who), { codes: 0, recoveryCodes: 0, inARow: 0 });
    assert.equal((await completeAt(at(1), who, pending, await stage.code(who))).status, 200);
  });
});
