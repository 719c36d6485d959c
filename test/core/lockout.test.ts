import assert from 'node:assert/strict';
import { it } from 'node:test';
import { minutes } from '../../src/core/time.ts';
import type { PasswordHasher } from '../../src/core/world.ts';
import { cleanExpired } from '../../src/store/clean.ts';
import { OTHER_PASSWORD, onEachDatabase, PASSWORD, patient, race, type Stage, tally, WRONG } from '../support/stage.ts';

/** Counts how many passwords are compared with a hash, or with nothing. */
function counted(hasher: PasswordHasher) {
  let evaluated = 0;
  const wrapped: PasswordHasher = {
    ...hasher,
    verify: (stored, password) => {
      evaluated += 1;
      return hasher.verify(stored, password);
    },
    verifyNothing: (password) => {
      evaluated += 1;
      return hasher.verifyNothing(password);
    },
  };
  return { hasher: wrapped, evaluated: () => evaluated };
}

const codeOf = (answer: Promise<unknown>): Promise<string> =>
  answer.then(
    () => 'signed_in',
    ({ code }) => code,
  );

/** So many wrong passwords of everybody else's, through the store alone; each lock is waited out. */
function failInARow(stage: Stage, email: string, times: number): Promise<void> {
  const bucket = { identifierDigest: stage.world.keyring.digest('identifier', email), client: '*' };
  return stage.world.store.transaction(async ({ attempts }) => {
    for (let failed = 0; failed < times; failed += 1) {
      const now = stage.clock.now();
      const { outcome } = await attempts.reserve(bucket, { places: 10, staleBefore: now - 15_000, now });
      assert.equal(outcome, 'taken');
      const { lockedUntil } = await attempts.fail(bucket, {
        places: 10,
        lockFor: () => minutes(15),
        hasAccount: true,
        now,
      });
      if (lockedUntil !== null) stage.clock.advance({ milliseconds: lockedUntil - now });
    }
  });
}

onEachDatabase('the lock', (open, database) => {
  it('closes after ten wrong passwords, for the right one too, and says for how long', async () => {
    const stage = await open();
    const { email } = await stage.person();
    await stage.fail(email, 10);
    await assert.rejects(stage.trySignIn(email), { code: 'account_locked', facts: { retryAfterSeconds: 900 } });
    stage.clock.advance({ minutes: 14, seconds: 59 });
    await assert.rejects(stage.trySignIn(email), { code: 'account_locked', facts: { retryAfterSeconds: 1 } });
    stage.clock.advance({ seconds: 1 });
    await stage.signIn(email);
  });

  it('stays open after nine, and a right password begins the count anew', async () => {
    const stage = await open();
    const { email } = await stage.person();
    for (let round = 0; round < 2; round += 1) {
      await stage.fail(email, 9);
      await stage.signIn(email);
    }
  });

  it('arms itself again and doubles', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const waits: number[] = [];
    for (let round = 0; round < 9; round += 1) {
      await stage.lock(email);
      const { facts } = await stage.trySignIn(email).then(
        () => assert.fail('not locked'),
        (error) => error,
      );
      waits.push(facts.retryAfterSeconds);
      stage.clock.advance({ seconds: facts.retryAfterSeconds });
    }
    assert.deepEqual(
      waits,
      [15, 30, 60, 120, 240, 480, 960, 1440, 1440].map((wait) => wait * 60),
    );
    await stage.signIn(email);
    await stage.lock(email);
    await assert.rejects(stage.trySignIn(email), { facts: { retryAfterSeconds: 900 } });
  });

  it('is one for all spellings and networks', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const spellings = [email, email.toUpperCase(), ` ${email} `, email.replace('example', 'ｅxample')];
    for (let time = 0; time < 10; time += 1) await stage.fail(spellings[time % 4] ?? '', 1);
    for (const spelling of spellings) await assert.rejects(stage.trySignIn(spelling), { code: 'account_locked' });
  });

  it('closes alike for what does not exist', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const answersFor = async (identifier: string) => {
      const answers: string[] = [];
      for (let time = 0; time < 12; time += 1) {
        answers.push(
          await stage.trySignIn(identifier, { password: WRONG }).then(
            () => 'signed in',
            (error) => JSON.stringify(error),
          ),
        );
      }
      return answers;
    };
    const known = await answersFor(email);
    assert.deepEqual(await answersFor(stage.address()), known);
    assert.deepEqual(await answersFor(`no address ${stage.address().replace('@', ' ')}`), known);
  });

  it('leaves a known client its own ten places, and everybody else theirs', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const { clientToken } = await stage.signIn(email);
    const owner = stage.caller({ clientToken });
    await stage.lock(email);
    await stage.signIn(email, { caller: owner });
    await assert.rejects(stage.trySignIn(email), { code: 'account_locked' });
    await stage.lock(email, owner);
    await assert.rejects(stage.trySignIn(email, { caller: owner }), { code: 'account_locked' });
    stage.clock.advance({ minutes: 15 });
    await stage.fail(email, 9);
    await stage.signIn(email, { caller: owner });
    await stage.signIn(email);
  });

  it('knows a client for thirty days after its last sign-in', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const { clientToken } = await stage.signIn(email);
    const owner = stage.caller({ clientToken });
    stage.clock.advance({ days: 29, hours: 23 });
    const again = await stage.signIn(email, { caller: owner });
    assert.equal(again.clientToken, clientToken);
    stage.clock.advance({ days: 30 });
    await stage.lock(email);
    await assert.rejects(stage.trySignIn(email, { caller: owner }), { code: 'account_locked' });
  });

  it('takes no client for known that signed in to another account, or made its value up', async () => {
    const stage = await open();
    const [victim, attacker] = [await stage.person(), await stage.person()];
    const { clientToken } = await stage.signIn(attacker.email);
    const madeUp = 'A'.repeat(43);
    await stage.lock(victim.email);
    for (const token of [clientToken, madeUp]) {
      await assert.rejects(stage.trySignIn(victim.email, { caller: stage.caller({ clientToken: token }) }), {
        code: 'account_locked',
      });
    }
    stage.clock.advance({ minutes: 15 });
    assert.notEqual(
      (await stage.signIn(victim.email, { caller: stage.caller({ clientToken: madeUp }) })).clientToken,
      madeUp,
    );
  });

  it('never touches sessions', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const signedIn = await stage.signIn(email);
    await stage.lock(email);
    await stage.live(signedIn);
    await stage.refresh(signedIn.refreshToken);
  });

  it('mails a link once a lock and three times a day, to accounts alone', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const stranger = stage.address();
    const counts: number[] = [];
    await stage.fail(stranger, 10);
    for (let round = 0; round < 4; round += 1) {
      await stage.lock(email);
      for (let time = 0; time < 3; time += 1) await assert.rejects(stage.trySignIn(email), { code: 'account_locked' });
      counts.push((await stage.mails(email)).length);
      stage.clock.advance({ minutes: 15 * 2 ** round });
    }
    assert.deepEqual(counts, [1, 2, 3, 3]);
    assert.deepEqual(await stage.mails(stranger), []);
    const [mail] = await stage.mails(email);
    assert.match(mail?.links[0] ?? '', /\/unlock\?token=[\w-]{43}$/);
  });

  it('mails no link to an account that an operator locked', async () => {
    const stage = await open();
    const { email, uuid } = await stage.person();
    await stage.identity.lockAccount({ uuid });
    await stage.lock(email);
    assert.deepEqual(await stage.mails(email), []);
  });

  it('mails its link also when the tenth wrong password was given as the current one', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const live = await stage.live(await stage.signIn(email));
    await stage.fail(email, 9);
    await assert.rejects(stage.identity.reauthenticate({ live, password: WRONG, caller: stage.caller() }), {
      code: 'invalid_credentials',
    });
    await assert.rejects(stage.trySignIn(email), { code: 'account_locked' });
    assert.equal((await stage.mails(email)).length, 1);
  });

  it('counts wrong current passwords with the others', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const live = await stage.live(await stage.signIn(email));
    for (let time = 0; time < 5; time += 1) {
      await assert.rejects(stage.identity.reauthenticate({ live, password: WRONG, caller: stage.caller() }), {
        code: 'invalid_credentials',
      });
      const change = { live, currentPassword: WRONG, newPassword: OTHER_PASSWORD, caller: stage.caller() };
      await assert.rejects(stage.identity.changePassword(change), { code: 'invalid_credentials' });
    }
    await assert.rejects(stage.trySignIn(email), { code: 'account_locked' });
    await assert.rejects(stage.identity.reauthenticate({ live, password: PASSWORD, caller: stage.caller() }), {
      code: 'account_locked',
    });
  });

  it('survives the cleaning, whatever other clients the account knows', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const { clientToken } = await stage.signIn(email);
    await stage.signIn(email, { caller: stage.caller({ clientToken }) });
    stage.clock.advance({ days: 2 });
    await stage.lock(email);
    await cleanExpired(stage.handle, stage.clock.now());
    await assert.rejects(stage.trySignIn(email), { code: 'account_locked' });
  });

  it('evaluates ten of as many guesses as are made at once, and then not even the right one', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const { hasher, evaluated } = counted(stage.world.hasher);
    const identity = stage.identityWith({ hasher, clock: patient(stage.clock) });
    const { lost } = await race(database === 'sqlite' ? 200 : 60, () =>
      stage.signIn(email, { password: WRONG, identity }),
    );
    // Those who were not even let in are told to come back.
    const { overloaded = 0, ...judged } = tally(lost);
    assert.deepEqual(judged, { invalid_credentials: 10, account_locked: lost.length - 10 - overloaded });
    assert.equal(evaluated(), 10);
    await assert.rejects(stage.trySignIn(email, { identity }), { code: 'account_locked' });
  });

  it('lets twenty-five right passwords in that come at once', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const identity = stage.identityWith({ clock: patient(stage.clock) });
    const { won, lost } = await race(25, () => stage.signIn(email, { identity }));
    assert.deepEqual([won.length, lost], [25, []]);
    const [bucket] = await stage.handle.read
      .selectFrom('attempt')
      .selectAll()
      .where('identifier_digest', '=', stage.world.keyring.digest('identifier', email))
      .execute();
    assert.deepEqual([bucket?.taken, bucket?.decided, bucket?.total], [0, 0, 0]);
  });

  it('gives back the place of an attempt that nothing decided', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const failing: PasswordHasher = {
      ...stage.world.hasher,
      verify: async () => {
        throw new Error('out of memory');
      },
    };
    const identity = stage.identityWith({ hasher: failing });
    for (let time = 0; time < 12; time += 1)
      await assert.rejects(stage.trySignIn(email, { identity }), /out of memory/);
    await stage.fail(email, 9);
    await stage.signIn(email);
  });

  it('gives back the places of a process that died', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const bucket = { identifierDigest: stage.world.keyring.digest('identifier', email), client: '*' };
    const now = stage.clock.now();
    for (let place = 0; place < 10; place += 1) {
      await stage.world.store.transaction(({ attempts }) =>
        attempts.reserve(bucket, { places: 10, staleBefore: now - 15_000, now }),
      );
    }
    const identity = stage.identityWith({
      clock: patient(stage.clock),
      hasher: { ...stage.world.hasher, deadlineMilliseconds: 100 },
    });
    await assert.rejects(stage.trySignIn(email, { identity }), { code: 'overloaded' });
    stage.clock.advance({ seconds: 16 });
    await stage.signIn(email, { identity });
  });

  it('asks the database seldom while it waits for a place', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const { store } = stage.world;
    const bucket = { identifierDigest: stage.world.keyring.digest('identifier', email), client: '*' };
    const now = stage.clock.now();
    await store.transaction(async ({ attempts }) => {
      for (let place = 0; place < 10; place += 1) await attempts.reserve(bucket, { places: 10, staleBefore: 0, now });
    });
    let writes = 0;
    const counting: typeof store = {
      ...store,
      transaction: (work) => {
        writes += 1;
        return store.transaction(work);
      },
    };
    await assert.rejects(stage.trySignIn(email, { identity: stage.identityWith({ store: counting }) }), {
      code: 'overloaded',
    });
    // A thousand who wait at once must not keep everybody else from writing.
    assert.ok(writes <= 40, `${writes} transactions by one who waited`);
  });

  it('waits for a place within the hasher’s deadline and then says that it is busy', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
    const { promise: allTaken, resolve: lastTaken } = Promise.withResolvers<void>();
    let taken = 0;
    const slow: PasswordHasher = {
      ...stage.world.hasher,
      deadlineMilliseconds: 100,
      verify: async (stored, password) => {
        taken += 1;
        if (taken === 10) lastTaken();
        await gate;
        return stage.world.hasher.verify(stored, password);
      },
    };
    const identity = stage.identityWith({ hasher: slow, clock: patient(stage.clock) });
    const first = race(10, () => stage.signIn(email, { identity }));
    await allTaken;
    await assert.rejects(stage.trySignIn(email, { identity }), { code: 'overloaded' });
    openGate();
    assert.equal((await first).won.length, 10);
  });
});

onEachDatabase('a hundred wrong passwords in a row', (open) => {
  it('disable the password for unknown clients, whatever time passes, until a reset', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const { clientToken } = await stage.signIn(email);
    await failInARow(stage, email, 100);
    await assert.rejects(stage.trySignIn(email), { code: 'invalid_credentials' });
    await stage.signIn(email, { caller: stage.caller({ clientToken }) });
    await assert.rejects(stage.trySignIn(email), { code: 'invalid_credentials' });

    await stage.identity.startPasswordReset({ contract: 'cookie', email, caller: stage.caller() });
    const token = await stage.tokenFor(email);
    await stage.identity.finishPasswordReset({
      contract: 'cookie',
      token,
      password: OTHER_PASSWORD,
      caller: stage.caller(),
    });
    await stage.signIn(email, { password: OTHER_PASSWORD });
  });

  it('are a hundred also when a known client signs in between', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const { clientToken } = await stage.signIn(email);
    await failInARow(stage, email, 90);
    await stage.signIn(email, { caller: stage.caller({ clientToken }) });
    await failInARow(stage, email, 10);
    await assert.rejects(stage.trySignIn(email), { code: 'invalid_credentials' });
  });

  it('are no hundred after ninety-nine', async () => {
    const stage = await open();
    const { email } = await stage.person();
    await failInARow(stage, email, 99);
    await stage.signIn(email);
  });

  it('are counted over days and cleanings', async () => {
    const stage = await open();
    const { email } = await stage.person();
    for (let round = 0; round < 10; round += 1) {
      await stage.lock(email);
      stage.clock.advance({ days: 3 });
      await cleanExpired(stage.handle, stage.clock.now());
    }
    await assert.rejects(stage.trySignIn(email), { code: 'invalid_credentials' });
  });

  it('leave a session no way to go on guessing from an unknown client', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const first = await stage.signIn(email);
    await failInARow(stage, email, 60);
    const second = await stage.refreshed(first);
    await failInARow(stage, email, 40);
    const live = await stage.live(await stage.refreshed(second));
    const proof = stage.identity.reauthenticate({ live, password: PASSWORD, caller: stage.caller() });
    assert.equal(await codeOf(proof), 'invalid_credentials');
    assert.equal(await codeOf(stage.trySignIn(email)), 'invalid_credentials');
  });

  it('are not undone by the link that lifts the lock', async () => {
    const stage = await open();
    const { email } = await stage.person();
    await failInARow(stage, email, 90);
    await stage.lock(email);
    const token = await stage.tokenFor(email);
    await stage.identity.unlockSignIn({ token, contract: 'page', caller: stage.caller() });
    assert.equal(await codeOf(stage.trySignIn(email)), 'invalid_credentials');
  });
});
