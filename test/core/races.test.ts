import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type OpenStage, OTHER_PASSWORD, onEachDatabase, PASSWORD, race, type Stage, tally } from '../support/stage.ts';
import { twoServers } from '../support/two-servers.ts';

const CALLERS = 50;

const openTwo = async (open: OpenStage) => twoServers(await open());

async function newcomer(stage: Stage) {
  const email = stage.address();
  await stage.identity.register({ contract: 'cookie', email, name: 'Ada', password: PASSWORD, caller: stage.caller() });
  return { email, token: await stage.tokenFor(email) };
}

async function resetToken(stage: Stage, email: string): Promise<string> {
  await stage.identity.startPasswordReset({ contract: 'cookie', email, caller: stage.caller() });
  return stage.tokenFor(email);
}

const sessionsOf = (stage: Stage, accountId: number) =>
  stage.handle.read.selectFrom('session').select('id').where('account_id', '=', accountId).execute();

/** Which of the passwords the account has now. */
async function matching(
  stage: Stage,
  accountId: Parameters<Stage['world']['store']['passwords']['find']>[0],
  passwords: string[],
) {
  const stored = await stage.world.store.passwords.find(accountId);
  const right = await Promise.all(passwords.map((password) => stored && stage.world.hasher.verify(stored, password)));
  return passwords.filter((_, index) => right[index]);
}

const passwords = Array.from({ length: CALLERS }, (_, index) => `copper lantern quarry ${index}`);

onEachDatabase('of fifty who come at once', (open) => {
  it('one proves the address', async () => {
    const stage = await openTwo(open);
    const { token } = await newcomer(stage);
    const { won, lost } = await race(CALLERS, (index) =>
      stage.at(index).verifyEmail({ token, contract: 'cookie', caller: stage.caller() }),
    );
    assert.deepEqual([won.length, tally(lost)], [1, { token_invalid: 49 }]);
  });

  it('one proves the address, also when they hold three links', async () => {
    const stage = await openTwo(open);
    const { email, token } = await newcomer(stage);
    const tokens = [token];
    for (let time = 0; time < 2; time += 1) {
      stage.clock.advance({ seconds: 1 });
      await stage.identity.resendVerification({ email, caller: stage.caller() });
      tokens.push(await stage.tokenFor(email));
    }
    const { won, lost } = await race(CALLERS, (index) =>
      stage.at(index).verifyEmail({ token: tokens[index % 3] ?? '', contract: 'cookie', caller: stage.caller() }),
    );
    assert.deepEqual([won.length, tally(lost)], [1, { token_invalid: 49 }]);
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });

  it('either one proves the address or one disowns it', async () => {
    const stage = await openTwo(open);
    const { email, token } = await newcomer(stage);
    const { won, lost } = await race(CALLERS, async (index) => {
      if (index % 3 === 0) await stage.at(index).disownAccount({ token, caller: stage.caller() });
      else await stage.at(index).verifyEmail({ token, contract: 'cookie', caller: stage.caller() });
      return index % 3 === 0 ? 'disowned' : 'proven';
    });
    assert.deepEqual([won.length, tally(lost)], [1, { token_invalid: 49 }]);
    const found = await stage.identity.findAccount({ name: email }).then(
      ({ emailVerifiedAt }) => emailVerifiedAt !== null,
      () => 'gone',
    );
    assert.equal(found, won[0] === 'proven' ? true : 'gone');
  });

  it('none disowns what another has proven with another link', async () => {
    const stage = await openTwo(open);
    const { email, token } = await newcomer(stage);
    stage.clock.advance({ seconds: 1 });
    await stage.identity.resendVerification({ email, caller: stage.caller() });
    const second = await stage.tokenFor(email);
    const { won, lost } = await race(CALLERS, async (index) => {
      if (index % 2 === 0) await stage.at(index).disownAccount({ token, caller: stage.caller() });
      else await stage.at(index).verifyEmail({ token: second, contract: 'cookie', caller: stage.caller() });
      return index % 2 === 0 ? 'disowned' : 'proven';
    });
    assert.deepEqual(Object.keys(tally(lost)), ['token_invalid']);
    const there = await stage.identity.findAccount({ name: email }).then(
      () => true,
      () => false,
    );
    assert.equal(there, won.includes('proven'));
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });

  it('one resets the password, and it is theirs', async () => {
    const stage = await openTwo(open);
    const { email, id } = await stage.person();
    const token = await resetToken(stage, email);
    const { won, lost } = await race(CALLERS, async (index) => {
      const password = passwords[index] ?? '';
      await stage.at(index).finishPasswordReset({ contract: 'cookie', token, password, caller: stage.caller() });
      return password;
    });
    assert.deepEqual([won.length, tally(lost)], [1, { token_invalid: 49 }]);
    assert.deepEqual(await matching(stage, id, [...passwords, PASSWORD]), won);
    await stage.signIn(email, { password: won[0] ?? '' });
  });

  it('one lifts the lock', async () => {
    const stage = await openTwo(open);
    const { email, uuid } = await stage.person();
    await stage.lock(email);
    const token = await stage.tokenFor(email);
    const { won, lost } = await race(CALLERS, (index) =>
      stage.at(index).unlockSignIn({ token, contract: 'page', caller: stage.caller() }),
    );
    assert.deepEqual([won.length, tally(lost)], [1, { token_invalid: 49 }]);
    assert.equal((await stage.recorded(uuid)).filter((kind) => kind === 'sign_in.unlocked').length, 1);
  });

  it('one registers the address', async () => {
    const stage = await openTwo(open);
    const email = stage.address();
    const { won, lost } = await race(CALLERS, (index) =>
      stage.at(index).register({
        contract: 'cookie',
        email: index % 2 ? email : email.toUpperCase(),
        name: `Caller ${index}`,
        password: PASSWORD,
        caller: stage.caller(),
      }),
    );
    assert.deepEqual([won.length, tally(lost)], [1, { identifier_taken: 49 }]);
    const rows = await stage.handle.read
      .selectFrom('identifier')
      .select('account_id')
      .where('value', '=', email)
      .execute();
    assert.deepEqual(
      rows.map(({ account_id }) => account_id),
      won.map(({ id }) => id),
    );
  });

  it('all get one successor for one refresh token, and it is the only live one', async () => {
    const stage = await openTwo(open);
    const caller = stage.caller();
    const { refreshToken, session } = await stage.signIn((await stage.person()).email);
    const { won, lost } = await race(CALLERS, (index) =>
      stage.at(index).rotateRefreshToken({ contract: 'cookie', refreshToken, caller }),
    );
    assert.deepEqual([won.length, lost], [CALLERS, []]);
    assert.equal(new Set(won.map((answer) => answer.refreshToken)).size, 1);
    const live = await stage.handle.read
      .selectFrom('refresh_token')
      .select('digest')
      .where('session_id', '=', session.id)
      .where('rotated_at', 'is', null)
      .execute();
    assert.deepEqual(
      live.map(({ digest }) => digest),
      [stage.world.keyring.digest('refresh-token', won[0]?.refreshToken ?? '')],
    );
  });

  it('are let in by either server with a token that the other has just issued, also where a copy would do', async () => {
    const stage = await openTwo(open);
    const caller = stage.caller();
    const { refreshToken, accessToken } = await stage.signIn((await stage.person()).email);
    const look = (index: number, token: string) =>
      stage.at(index).checkSession({ contract: 'cookie', accessToken: token, changes: false });
    await Promise.all([look(0, accessToken), look(1, accessToken)]);
    const next = await stage.at(0).rotateRefreshToken({ contract: 'cookie', refreshToken, caller });
    await Promise.all([look(0, next.accessToken), look(1, next.accessToken)]);
  });

  it('one ends the session', async () => {
    const stage = await openTwo(open);
    const { email } = await stage.person();
    const [mine, other] = [await stage.signIn(email), await stage.signIn(email)];
    const live = await stage.live(mine);
    const { won, lost } = await race(CALLERS, (index) =>
      stage.at(index).endSession({ live, id: other.session.id, caller: stage.caller() }),
    );
    assert.deepEqual([won.length, tally(lost)], [1, { not_found: 49 }]);
  });

  it('none keeps a session alive that another signs out of', async () => {
    const stage = await openTwo(open);
    const caller = stage.caller();
    const { id, email } = await stage.person();
    const { refreshToken, accessToken } = await stage.signIn(email);
    const { won, lost } = await race(CALLERS, async (index) => {
      if (index % 10 !== 7) return stage.at(index).rotateRefreshToken({ contract: 'cookie', refreshToken, caller });
      await stage.at(index).signOut({ contract: 'cookie', credentials: { refreshToken }, caller });
      return undefined;
    });
    assert.deepEqual(
      Object.keys(tally(lost)).filter((code) => code !== 'session_ended'),
      [],
    );
    assert.deepEqual(await sessionsOf(stage, id), []);
    for (const answer of won) {
      if (answer) await assert.rejects(stage.refresh(answer.refreshToken, caller), { code: 'session_ended' });
    }
    await assert.rejects(stage.live({ accessToken }), { code: 'session_ended' });
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });

  it('those who sign out and one who signs out everybody else do not wait for each other', async () => {
    const stage = await openTwo(open);
    const { email, id } = await stage.person();
    const sessions: { accessToken: string; refreshToken: string }[] = [];
    for (let index = 0; index < CALLERS / 2; index += 1) sessions.push(await stage.signIn(email));
    const live = await stage.live(sessions[0] ?? assert.fail());
    const { lost } = await race(CALLERS, async (index) => {
      const { refreshToken = '' } = sessions[index % sessions.length] ?? {};
      if (index % 2) await stage.at(index).endOtherSessions({ live, caller: stage.caller() });
      else await stage.at(index).signOut({ contract: 'cookie', credentials: { refreshToken }, caller: stage.caller() });
    });
    assert.deepEqual(
      Object.keys(tally(lost)).filter((code) => code !== 'session_ended'),
      [],
    );
    assert.ok((await sessionsOf(stage, id)).length <= 1);
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });

  it('the replay of a token and an operator’s lock end the session without waiting for each other', async () => {
    const stage = await openTwo(open);
    const { email, id, uuid } = await stage.person();
    const thief = stage.caller({ userAgent: 'Thief/1' });
    const spent: string[] = [];
    for (let index = 0; index < CALLERS / 2; index += 1) {
      const { refreshToken } = await stage.signIn(email);
      await stage.refresh(refreshToken);
      spent.push(refreshToken);
    }
    const { lost } = await race(CALLERS, async (index) => {
      const refreshToken = spent[index % spent.length] ?? '';
      if (index % 5 === 1) await stage.at(index).lockAccount({ uuid });
      else await stage.at(index).rotateRefreshToken({ contract: 'cookie', refreshToken, caller: thief });
    });
    assert.deepEqual(Object.keys(tally(lost)), ['session_ended']);
    assert.deepEqual(await sessionsOf(stage, id), []);
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });

  it('one changes the password, and it is theirs', async () => {
    const stage = await openTwo(open);
    const { email, id } = await stage.person();
    const { accessToken } = await stage.signIn(email);
    const live = await stage.live({ accessToken });
    const { won, lost } = await race(CALLERS, async (index) => {
      const newPassword = passwords[index] ?? '';
      await stage.at(index).changePassword({ live, currentPassword: PASSWORD, newPassword, caller: stage.caller() });
      return newPassword;
    });
    assert.equal(won.length, 1, JSON.stringify(tally(lost)));
    assert.deepEqual(
      Object.keys(tally(lost)).filter(
        (code) => !['session_ended', 'invalid_credentials', 'account_locked', 'overloaded'].includes(code),
      ),
      [],
    );
    assert.deepEqual(await matching(stage, id, [...passwords, PASSWORD]), won);
    await stage.live({ accessToken });
  });

  it('none has a session on an account that an operator locked meanwhile', async () => {
    const stage = await openTwo(open);
    const { email, id, uuid } = await stage.person();
    const { lost } = await race(CALLERS, async (index) => {
      if (index === 20) await stage.at(index).lockAccount({ uuid });
      else await stage.signIn(email, { identity: stage.at(index) });
    });
    assert.deepEqual(
      Object.keys(tally(lost)).filter(
        (code) => !['invalid_credentials', 'account_locked', 'overloaded'].includes(code),
      ),
      [],
    );
    assert.deepEqual(await sessionsOf(stage, id), []);
  });

  it('none has a session on an account that was deleted meanwhile, and all are told the same', async () => {
    const stage = await openTwo(open);
    const { email, id, uuid } = await stage.person();
    const { lost } = await race(CALLERS, async (index) => {
      if (index === 20) await stage.at(index).deleteAccount({ uuid });
      else await stage.signIn(email, { password: index % 2 ? PASSWORD : OTHER_PASSWORD, identity: stage.at(index) });
    });
    assert.deepEqual(
      Object.keys(tally(lost)).filter(
        (code) => !['invalid_credentials', 'account_locked', 'overloaded'].includes(code),
      ),
      [],
    );
    assert.deepEqual(await sessionsOf(stage, id), []);
  });

  it('none is left with a session that a reset ended', async () => {
    const stage = await openTwo(open);
    const { email, id } = await stage.person();
    const token = await resetToken(stage, email);
    await race(CALLERS, async (index) => {
      const reset = { contract: 'cookie', token, password: OTHER_PASSWORD, caller: stage.caller() } as const;
      if (index === 20) await stage.at(index).finishPasswordReset(reset);
      else await stage.signIn(email, { identity: stage.at(index) });
    });
    assert.deepEqual(await sessionsOf(stage, id), []);
    assert.deepEqual(await matching(stage, id, [PASSWORD, OTHER_PASSWORD]), [OTHER_PASSWORD]);
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });

  it('one locks the account by failing, and its owner’s reset waits for none of the others', async () => {
    const stage = await openTwo(open);
    const { email } = await stage.person();
    const token = await resetToken(stage, email);
    const { lost } = await race(CALLERS, async (index) => {
      const reset = { contract: 'cookie', token, password: OTHER_PASSWORD, caller: stage.caller() } as const;
      if (index === 10) await stage.at(index).finishPasswordReset(reset);
      else await stage.signIn(email, { password: 'wrong', identity: stage.at(index) });
    });
    assert.deepEqual(
      Object.keys(tally(lost)).filter(
        (code) => !['invalid_credentials', 'account_locked', 'overloaded'].includes(code),
      ),
      [],
    );
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });

  it('all who sign in get a session, and at most two hundred live', async () => {
    const stage = await openTwo(open);
    const { email, id } = await stage.person();
    const { won, lost } = await race(CALLERS, (index) => stage.signIn(email, { identity: stage.at(index) }));
    assert.deepEqual([won.length, lost], [CALLERS, []]);
    assert.equal((await sessionsOf(stage, id)).length, CALLERS);
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });

  it('all others end when one signs out everywhere, and the last word is whole', async () => {
    const stage = await openTwo(open);
    const { email, id } = await stage.person();
    const sessions = [await stage.signIn(email), await stage.signIn(email), await stage.signIn(email)];
    const lives = await Promise.all(sessions.map((session) => stage.live(session)));
    const { won, lost } = await race(CALLERS, async (index) => {
      const live = lives[index % 3] ?? assert.fail();
      await stage.at(index).endOtherSessions({ live, caller: stage.caller() });
      return live.session.id;
    });
    assert.deepEqual(Object.keys(tally(lost)), ['session_ended']);
    assert.equal(new Set(won).size, 1);
    assert.deepEqual(
      (await sessionsOf(stage, id)).map((session) => session.id),
      [...new Set(won)],
    );
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });
});
