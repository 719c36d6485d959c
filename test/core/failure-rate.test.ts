import assert from 'node:assert/strict';
import { it } from 'node:test';
import { sql } from 'kysely';
import { checkFailureRate, FAILURES_A_MINUTE, withinFailureRate } from '../../src/core/failure-rate.ts';
import type { Identity } from '../../src/core/identity.ts';
import type { Caller, PasswordHasher } from '../../src/core/world.ts';
import { onEachDatabase, openStage, PASSWORD, race, type Stage, tally, WRONG } from '../support/stage.ts';
import { asCode, codeWrong, type FactorStage, openFactors, type Somebody } from './second-factors.ts';
import { openTwo } from './two-servers.ts';

const ALL = { limit: 5, remaining: 5, resetsAt: null };

/** Signs in as the sanctum contract does. */
const signIn = (
  { identity: own }: Stage,
  identifier: string,
  { caller, identity = own, password = PASSWORD }: { caller: Caller; password?: string; identity?: Identity },
) =>
  identity.signInWithPassword({
    contract: 'sanctum',
    identifier,
    password,
    caller,
    mustBeProven: 'email',
    ratedByMinute: true,
  });

async function fail(stage: Stage, identifier: string, times: number, caller: Caller): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    await assert.rejects(signIn(stage, identifier, { caller, password: WRONG }), { code: 'invalid_credentials' });
  }
}

/** Counts how many passwords are compared with a hash, or with nothing. */
function counting(hasher: PasswordHasher) {
  let compared = 0;
  const count = <T>(result: T): T => {
    compared += 1;
    return result;
  };
  return {
    hasher: {
      ...hasher,
      verify: (...of: Parameters<PasswordHasher['verify']>) => count(hasher.verify(...of)),
      verifyNothing: (...of: Parameters<PasswordHasher['verifyNothing']>) => count(hasher.verifyNothing(...of)),
    },
    compared: () => compared,
  };
}

onEachDatabase('a minute’s wrong passwords', (open) => {
  it('are five of an address and an identifier; a sixth compares nothing, and says for how long', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const caller = stage.caller();
    await fail(stage, email, 5, caller);
    stage.clock.advance({ seconds: 20 });
    const { compared, hasher } = counting(stage.world.hasher);
    const answer = signIn(stage, email, { caller, identity: stage.identityWith({ hasher }) });
    await assert.rejects(answer, { code: 'rate_limited', facts: { retryAfterSeconds: 40 } });
    assert.equal(compared(), 0);
    stage.clock.advance({ seconds: 40 });
    assert.equal((await signIn(stage, email, { caller })).outcome, 'signed_in');
  });

  it('are counted alike for an identifier that nobody has', async () => {
    const stage = await open();
    const caller = stage.caller();
    const nobody = stage.address('nobody');
    await fail(stage, nobody, 5, caller);
    await assert.rejects(signIn(stage, nobody, { caller }), { code: 'rate_limited', facts: { retryAfterSeconds: 60 } });
  });

  it('are told as they are used up, in every spelling, and are all there again after a minute', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const caller = stage.caller();
    const look = (identifier = email) => stage.identity.passwordAllowance({ identifier, caller });
    assert.deepEqual(await look(), ALL);
    const resetsAt = stage.clock.now() + 60_000;
    for (let left = 4; left >= 0; left -= 1) {
      await fail(stage, email.toUpperCase(), 1, caller);
      assert.deepEqual(await look(` ${email} `), { limit: FAILURES_A_MINUTE, remaining: left, resetsAt });
      stage.clock.advance({ seconds: 1 });
    }
    stage.clock.advance({ seconds: 54 });
    assert.equal((await look()).remaining, 0);
    stage.clock.advance({ seconds: 1 });
    assert.deepEqual(await look(), ALL);
  });

  it('of one address are none of another’s, and of one identifier none of another’s', async () => {
    const stage = await open();
    const [ada, bob] = [await stage.person(), await stage.person()];
    const here = stage.caller({ address: '192.0.2.1' });
    const there = stage.caller({ address: '192.0.2.2' });
    await fail(stage, ada.email, 5, here);
    assert.deepEqual(await stage.identity.passwordAllowance({ identifier: ada.email, caller: there }), ALL);
    assert.deepEqual(await stage.identity.passwordAllowance({ identifier: bob.email, caller: here }), ALL);
    await signIn(stage, ada.email, { caller: there });
    await signIn(stage, bob.email, { caller: here });
    await assert.rejects(signIn(stage, ada.email, { caller: here }), { code: 'rate_limited' });
  });

  it('of a household’s 2^64 addresses are one address’s (R026)', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const from = (host: number) => stage.caller({ address: `2001:db8:0:1::${host}`, network: '2001:db8:0:1::/64' });
    for (let host = 1; host <= 5; host += 1) await fail(stage, email, 1, from(host));
    await assert.rejects(signIn(stage, email, { caller: from(6) }), { code: 'rate_limited' });
  });

  it('leave no row where nothing was counted (R165)', async () => {
    const stage = await open();
    const { email } = await stage.person();
    await stage.lock(email);
    const rows = async () => {
      const { rows: found } = await sql`select key from rate_limit where key like 'minute:%'`.execute(
        stage.handle.read,
      );
      return found.length;
    };
    const before = await rows();
    for (let host = 1; host <= 20; host += 1) {
      const attempt = signIn(stage, email, {
        caller: stage.caller({ address: `198.51.100.${host}` }),
        password: WRONG,
      });
      await assert.rejects(attempt, { code: 'account_locked' });
    }
    assert.equal(await rows(), before);
  });

  it('are forgotten with a right one, which counts as none', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const caller = stage.caller();
    for (let round = 0; round < 3; round += 1) {
      await fail(stage, email, 4, caller);
      await signIn(stage, email, { caller });
      assert.deepEqual(await stage.identity.passwordAllowance({ identifier: email, caller }), ALL);
    }
  });

  it('are counted for a server beside this one', async () => {
    const stage = await openTwo(open);
    const { email } = await stage.person();
    const caller = stage.caller();
    for (let time = 0; time < 5; time += 1) {
      const answer = signIn(stage, email, { caller, password: WRONG, identity: stage.at(time) });
      await assert.rejects(answer, { code: 'invalid_credentials' });
    }
    for (const index of [0, 1]) {
      await assert.rejects(signIn(stage, email, { caller, identity: stage.at(index) }), { code: 'rate_limited' });
    }
  });

  for (const count of [50, 200]) {
    it(`are compared five times, of ${count} at once (R021, R022)`, async () => {
      const stage = await open();
      const { email } = await stage.person();
      const caller = stage.caller({ factor: 20 });
      const { compared, hasher } = counting(stage.world.hasher);
      const identity = stage.identityWith({ hasher });
      const { lost, won } = await race(count, () => signIn(stage, email, { caller, password: WRONG, identity }));
      const { invalid_credentials: wrong = 0, ...rest } = tally(lost);
      assert.deepEqual(won, []);
      assert.ok(wrong >= 1 && wrong <= 5, JSON.stringify(tally(lost)));
      assert.equal(compared(), wrong);
      assert.deepEqual(
        Object.keys(rest).filter((code) => !['rate_limited', 'overloaded'].includes(code) && !/^StoreUn/.test(code)),
        [],
      );
      const { remaining } = await stage.identity.passwordAllowance({ identifier: email, caller });
      assert.equal(remaining, 5 - wrong);
    });
  }
});

onEachDatabase('a place among what may fail', (open) => {
  const key = (): string => `minute:test:${crypto.randomUUID()}`;
  const counts = (error: unknown): boolean => (error as Error).message === 'counts';
  const failing = (message: string) => async (): Promise<never> => {
    throw new Error(message);
  };

  it('is given back by what fails otherwise', async () => {
    const { clock, world } = await open();
    const of = { key: key(), counts };
    for (let time = 0; time < 12; time += 1) {
      await assert.rejects(withinFailureRate(world, of, failing('the database is away')), /the database is away/);
    }
    for (let time = 0; time < 5; time += 1)
      await assert.rejects(withinFailureRate(world, of, failing('counts')), /counts/);
    await assert.rejects(withinFailureRate(world, of, failing('counts')), { code: 'rate_limited' });
    clock.advance({ minutes: 1 });
    assert.equal(await withinFailureRate(world, of, async () => 'done'), 'done');
  });

  it('is free again after a minute if a process has died with it', async () => {
    const { clock, world } = await open();
    const of = { key: key(), counts };
    const now = clock.now();
    for (let time = 0; time < 5; time += 1) {
      const held = await world.store.transaction(({ limits }) =>
        limits.hold(of.key, { limit: FAILURES_A_MINUTE, staleBefore: now - 60_000, now }),
      );
      assert.equal(held.outcome, 'held');
    }
    await assert.rejects(
      withinFailureRate(world, of, async () => 'done'),
      { code: 'overloaded' },
    );
    clock.advance({ seconds: 61 });
    assert.equal(await withinFailureRate(world, of, async () => 'done'), 'done');
  });

  it('is looked for and counted by nobody where limits are off (rule 23)', async () => {
    const stage = await open();
    const world = { ...stage.world, policy: { ...stage.world.policy, rateLimits: false } };
    const of = { key: key(), counts };
    for (let time = 0; time < 12; time += 1)
      await assert.rejects(withinFailureRate(world, of, failing('counts')), /counts/);
    await checkFailureRate(world, of.key);
    assert.equal(await stage.world.store.limits.read(of.key, stage.clock.now()), undefined);
  });
});

/** Completes as the sanctum contract does. */
const complete = (
  stage: FactorStage,
  challenge: string,
  proof: { code: string } | { recoveryCode: string },
  identity: Identity = stage.identity,
) =>
  identity.completeSignIn({
    contract: 'sanctum',
    name: { challenge },
    proof,
    caller: stage.caller(),
    ratedByMinute: true,
  });

async function begin(stage: FactorStage, who: Somebody): Promise<string> {
  const answer = await signIn(stage, who.email, { caller: stage.caller() });
  stage.clock.advance({ milliseconds: 1 });
  return answer.outcome === 'second_factor_due' ? answer.challenge : assert.fail(answer.outcome);
}

onEachDatabase('a minute’s wrong codes', (open) => {
  it('are five of an account, over its logins; a sixth compares nothing, whatever kind it is', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const challenges = [await begin(stage, who), await begin(stage, who)];
    const of = (index: number): string => challenges[index % 2] ?? '';
    const resetsAt = stage.clock.now() + 60_000;
    for (const [index, code] of (await stage.wrong(who, 5)).entries()) {
      await assert.rejects(complete(stage, of(index), asCode(code)), codeWrong);
      const allowance = await stage.identity.factorAllowance({ contract: 'sanctum', challenge: of(0) });
      assert.deepEqual(allowance, { limit: 5, remaining: 4 - index, resetsAt });
    }
    const [recoveryCode = ''] = who.recoveryCodes;
    const limited = { code: 'rate_limited', facts: { retryAfterSeconds: 60 } };
    await assert.rejects(complete(stage, of(0), asCode(await stage.code(who))), limited);
    await assert.rejects(complete(stage, of(1), { recoveryCode }), limited);
    assert.deepEqual(await stage.counted(who), { codes: 5, recoveryCodes: 0, inARow: 5 });
    stage.clock.advance({ seconds: 60 });
    await complete(stage, of(1), { recoveryCode });
  });

  it('are forgotten with a right one', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const challenge = await begin(stage, who);
    for (const code of await stage.wrong(who, 4))
      await assert.rejects(complete(stage, challenge, asCode(code)), codeWrong);
    await complete(stage, challenge, asCode(await stage.code(who)));
    const next = await begin(stage, who);
    assert.deepEqual(await stage.identity.factorAllowance({ contract: 'sanctum', challenge: next }), ALL);
  });

  it('are not those that were accepted once, nor those that reach no login', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const code = await stage.code(who);
    await complete(stage, await begin(stage, who), asCode(code));
    const challenge = await begin(stage, who);
    for (let time = 0; time < 7; time += 1) await assert.rejects(complete(stage, challenge, asCode(code)), codeWrong);
    await assert.rejects(complete(stage, 'x'.repeat(43), asCode('000000')), codeWrong);
    assert.deepEqual(await stage.identity.factorAllowance({ contract: 'sanctum', challenge }), ALL);
  });

  it('are told to nobody without a login that waits', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const challenge = await begin(stage, who);
    for (const code of await stage.wrong(who, 3))
      await assert.rejects(complete(stage, challenge, asCode(code)), codeWrong);
    for (const of of [
      { contract: 'sanctum', challenge: 'x'.repeat(43) },
      { contract: 'cookie', challenge },
    ] as const) {
      assert.deepEqual(await stage.identity.factorAllowance(of), ALL);
    }
  });

  for (const channel of ['totp', 'email'] as const) {
    for (const count of [20, 200]) {
      it(`are compared five times, of ${count} of the ${channel} factor at once over three logins and two servers`, async () => {
        const stage = await openTwo(open);
        const who = await stage.somebody(channel);
        const challenges = [await begin(stage, who), await begin(stage, who), await begin(stage, who)];
        const codes = await stage.wrong(who, count);
        const { lost, won } = await race(count, (index) =>
          complete(stage, challenges[index % 3] ?? '', asCode(codes[index] ?? ''), stage.at(index)),
        );
        const others = Object.keys(tally(lost)).filter(
          (code) => !['code_wrong', 'rate_limited'].includes(code) && !code.startsWith('StoreUnavailable'),
        );
        assert.deepEqual([won, others], [[], []]);
        assert.deepEqual(await stage.counted(who), { codes: 5, recoveryCodes: 0, inARow: 5 });
        assert.equal(tally(lost)['code_wrong'], 5);
      });
    }
  }

  it('are compared five times, of fifty wrong recovery codes at once', async () => {
    const stage = await openTwo(open);
    const who = await stage.somebody('totp');
    const challenges = [await begin(stage, who), await begin(stage, who)];
    const { won } = await race(50, (index) =>
      complete(stage, challenges[index % 2] ?? '', { recoveryCode: `nothing ${index}` }, stage.at(index)),
    );
    assert.deepEqual(won, []);
    assert.deepEqual(await stage.counted(who), { codes: 0, recoveryCodes: 5, inARow: 5 });
  });
});

it('a minute’s wrong passwords are not limited where limits are off, and the lock stays (rule 23)', async (t) => {
  const stage = await openStage(t, { env: { GUICHET_RATE_LIMITS: 'off' } });
  const { email } = await stage.person();
  const caller = stage.caller();
  await fail(stage, email, 10, caller);
  await assert.rejects(signIn(stage, email, { caller }), { code: 'account_locked' });
});
