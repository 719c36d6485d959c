import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKeyring } from '../../src/core/keyring.ts';
import type { LiveSession } from '../../src/core/session.ts';
import type { SignedIn } from '../../src/core/session-start.ts';
import { onEachDatabase, PASSWORD, race, type Stage, tally } from '../support/stage.ts';
import { onDevice } from '../support/tokens.ts';
import { twoServers } from '../support/two-servers.ts';
import { SECRET } from '../support/world.ts';

const contract = 'bearer';
const ended = { code: 'session_ended' };
const OTHER_SECRET = 'kR7wQ2zVt5NxLc8pJm1BfYh4sDg6uE9i';

async function signIn(stage: Stage, email: string, identity = stage.identity): Promise<SignedIn<'bearer'>> {
  const answer = await identity.signInWithPassword({
    contract,
    identifier: email,
    password: PASSWORD,
    caller: stage.caller(),
    mustBeProven: 'as_set',
  });
  assert.equal(answer.outcome, 'signed_in');
  return answer as SignedIn<'bearer'>;
}

const check = (
  { identity }: Pick<Stage, 'identity'>,
  sessionToken: string | undefined,
  of: { changes?: boolean; unprovenToo?: boolean } = {},
): Promise<LiveSession> => identity.checkSessionToken({ contract, sessionToken, changes: false, ...of });

/** The row as it is, not as a copy has it. */
const rowOf = (stage: Stage, { session }: SignedIn<'bearer'>) =>
  stage.handle.read
    .selectFrom('session')
    .select(['last_used_at', 'expires_at', 'token_digest', 'token_id'])
    .where('id', '=', session.id)
    .executeTakeFirst();

onEachDatabase('an opaque session token', (open) => {
  it('is 256 bits of which a keyed digest alone is kept (R065)', async () => {
    const stage = await open();
    const signedIn = await signIn(stage, (await stage.person()).email);
    const { sessionToken } = signedIn;
    assert.match(sessionToken, /^[\w-]{43}$/);
    const row = await rowOf(stage, signedIn);
    assert.deepEqual(
      [row?.token_digest, row?.token_id],
      [stage.world.keyring.digest('session-token', sessionToken), null],
    );
    assert.ok(
      !JSON.stringify(await stage.handle.read.selectFrom('session').selectAll().execute()).includes(sessionToken),
    );
    const { account, session } = await check(stage, sessionToken);
    assert.deepEqual([session.id, account.id], [signedIn.session.id, signedIn.account.id]);
  });

  it('that is refused says why: it is missing, none, or over', async () => {
    const stage = await open();
    const told = async (sessionToken: string | undefined, credential: 'missing' | 'refused' | 'over') => {
      for (const changes of [false, true]) {
        const expected = { code: 'session_ended', facts: { credential } };
        await assert.rejects(check(stage, sessionToken, { changes }), expected, String(sessionToken));
      }
    };
    const [signedIn, locked] = [
      await signIn(stage, (await stage.person()).email),
      await signIn(stage, (await stage.person()).email),
    ];
    const { sessionToken } = signedIn;
    for (const none of [undefined, '']) await told(none, 'missing');
    const cookie = await stage.signIn((await stage.person()).email);
    const notTokens = [
      `${sessionToken}A`,
      sessionToken.slice(1),
      `${sessionToken}=`,
      ` ${sessionToken}`,
      `${sessionToken}\n`,
    ];
    for (const wrong of [...notTokens, cookie.accessToken, '.'.repeat(100_000)]) await told(wrong, 'refused');
    const last = sessionToken.at(-1) === 'A' ? 'E' : 'A';
    for (const unknown of [`${sessionToken.slice(0, -1)}${last}`, 'A'.repeat(43), cookie.refreshToken]) {
      await told(unknown, 'over');
    }
    await stage.identity.lockAccount({ uuid: locked.account.uuid });
    await told(locked.sessionToken, 'over');
    await stage.identity.signOut({ contract, credentials: { sessionToken }, caller: stage.caller() });
    await told(sessionToken, 'over');
  });

  it('opens a session of its own contract alone (rule 27)', async () => {
    const stage = await open();
    const { sessionToken } = await signIn(stage, (await stage.person()).email);
    for (const other of ['device', 'cookie'] as const) {
      const asked = { contract: other, sessionToken, changes: false } as const;
      await assert.rejects(stage.identity.checkSessionToken(asked), ended);
      await assert.rejects(
        stage.identity.checkSession({ contract: other, accessToken: sessionToken, changes: false }),
        ended,
      );
      const credentials = { sessionToken, accessToken: sessionToken, refreshToken: sessionToken };
      assert.equal(await stage.identity.signOut({ contract: other, credentials, caller: stage.caller() }), false);
    }
    const { accessToken, refreshToken } = await onDevice(stage);
    for (const theirs of [accessToken, refreshToken]) {
      await assert.rejects(check(stage, theirs), ended);
      const credentials = { sessionToken: theirs, accessToken, refreshToken };
      assert.equal(await stage.identity.signOut({ contract, credentials, caller: stage.caller() }), false);
    }
    await check(stage, sessionToken);
  });

  it('outlives the change of the secret that its digest was made with, by one', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const { sessionToken } = await signIn(stage, email);
    const rotated = { identity: stage.identityWith({ keyring: createKeyring([OTHER_SECRET, SECRET]) }) };
    await check(rotated, sessionToken);
    await check(rotated, sessionToken, { changes: true });
    const foreign = { identity: stage.identityWith({ keyring: createKeyring([OTHER_SECRET]) }) };
    await assert.rejects(check(foreign, sessionToken, { changes: true }), ended);
  });

  it('opens for seven days without use, to the millisecond (R070)', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const [one, other] = [await signIn(stage, email), await signIn(stage, email)];
    stage.clock.advance({ days: 7, milliseconds: -1 });
    await check(stage, one.sessionToken);
    stage.clock.advance({ milliseconds: 1 });
    for (const changes of [false, true]) await assert.rejects(check(stage, other.sessionToken, { changes }), ended);
    await check(stage, one.sessionToken);
  });

  it('opens for thirty days however much it is used, to the millisecond (R070)', async () => {
    const stage = await open();
    const signedIn = await signIn(stage, (await stage.person()).email);
    const end = signedIn.session.createdAt + 30 * 86_400_000;
    for (let day = 1; day < 30; day += 1) {
      stage.clock.advance({ days: 1 });
      const { session } = await check(stage, signedIn.sessionToken, { changes: day % 2 === 0 });
      assert.equal(session.expiresAt, Math.min(stage.clock.now() + 7 * 86_400_000, end));
    }
    stage.clock.advance({ days: 1, milliseconds: -1 });
    await check(stage, signedIn.sessionToken);
    stage.clock.advance({ milliseconds: 1 });
    for (const changes of [false, true]) await assert.rejects(check(stage, signedIn.sessionToken, { changes }), ended);
  });

  it('has its use noted once an hour, and tells of the end that was noted', async () => {
    const stage = await open();
    const signedIn = await signIn(stage, (await stage.person()).email);
    const { sessionToken } = signedIn;
    const start = stage.clock.now();
    const used = async () => {
      const { session } = await check(stage, sessionToken);
      const row = await rowOf(stage, signedIn);
      assert.deepEqual([row?.last_used_at, row?.expires_at], [session.lastUsedAt, session.expiresAt]);
      return session.lastUsedAt - start;
    };
    assert.equal(await used(), 0);
    stage.clock.advance({ hours: 1, milliseconds: -1 });
    assert.equal(await used(), 0);
    stage.clock.advance({ milliseconds: 1 });
    assert.equal(await used(), 3_600_000);
    stage.clock.advance({ minutes: 59 });
    assert.equal(await used(), 3_600_000);
    stage.clock.advance({ minutes: 1 });
    assert.equal(await used(), 7_200_000);
  });

  it('that ended between the look and the note of its use opens nothing, and is not made again', async () => {
    const stage = await open();
    const signedIn = await signIn(stage, (await stage.person()).email);
    const { sessionToken } = signedIn;
    stage.clock.advance({ hours: 2 });
    const { store } = stage.world;
    const late = stage.identityWith({
      store: {
        ...store,
        async transaction(work) {
          await store.transaction(({ sessions }) => sessions.end(signedIn.account.id, signedIn.session.id));
          return store.transaction(work);
        },
      },
    });
    await assert.rejects(check({ identity: late }, sessionToken), ended);
    assert.equal(await rowOf(stage, signedIn), undefined);
  });

  it('opens for fifty callers at once whose use is due to be noted', async () => {
    const stage = await twoServers(await open());
    const signedIn = await signIn(stage, (await stage.person()).email);
    stage.clock.advance({ hours: 2 });
    const { lost, won } = await race(50, (index) =>
      check({ identity: stage.at(index) }, signedIn.sessionToken, { changes: index % 4 < 2 }),
    );
    assert.deepEqual([won.length, tally(lost)], [50, {}]);
    assert.equal((await rowOf(stage, signedIn))?.last_used_at, stage.clock.now());
  });

  it('ended by one server opens no change at the other from then on, and no look after a second (rule 28)', async () => {
    const stage = await twoServers(await open());
    const { sessionToken } = await signIn(stage, (await stage.person()).email);
    const [here, there] = [{ identity: stage.at(0) }, { identity: stage.at(1) }];
    for (const server of [here, there]) await check(server, sessionToken);
    await stage.at(0).signOut({ contract, credentials: { sessionToken }, caller: stage.caller() });
    for (const changes of [false, true]) await assert.rejects(check(here, sessionToken, { changes }), ended);
    await assert.rejects(check(there, sessionToken, { changes: true }), ended);
    await sleep(1001);
    await assert.rejects(check(there, sessionToken), ended);
  });

  it('opens at one server the moment the other has made it', async () => {
    const stage = await twoServers(await open());
    const { sessionToken } = await signIn(stage, (await stage.person()).email, stage.at(0));
    for (const changes of [false, true]) await check({ identity: stage.at(1) }, sessionToken, { changes });
  });

  it('is ended with all others but the one that asks, and by a lock of the account', async () => {
    const stage = await open();
    const { email, uuid } = await stage.person();
    const [one, other, browser] = [await signIn(stage, email), await signIn(stage, email), await stage.signIn(email)];
    const live = await check(stage, one.sessionToken, { changes: true });
    assert.equal(await stage.identity.endOtherSessions({ live, caller: stage.caller() }), 2);
    await assert.rejects(check(stage, other.sessionToken), ended);
    await assert.rejects(stage.live(browser), ended);
    await check(stage, one.sessionToken);
    await stage.identity.lockAccount({ uuid });
    for (const changes of [false, true]) await assert.rejects(check(stage, one.sessionToken, { changes }), ended);
  });

  it('of somebody whose address is not proven opens what a newcomer may do, and nothing else', async () => {
    const stage = await open();
    const { sessionToken } = await signIn(stage, (await stage.person({ verified: false })).email);
    for (const changes of [false, true]) {
      await assert.rejects(check(stage, sessionToken, { changes }), { code: 'identifier_unproven' });
      await check(stage, sessionToken, { changes, unprovenToo: true });
    }
    const over = { code: 'session_ended', facts: { credential: 'over' } };
    stage.clock.advance({ days: 7 });
    await assert.rejects(check(stage, sessionToken), over);
  });
});
