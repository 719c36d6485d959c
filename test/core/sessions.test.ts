import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { it } from 'node:test';
import type { SessionId } from '../../src/core/session.ts';
import { onEachDatabase, type Stage } from '../support/stage.ts';
import { onDevice } from '../support/tokens.ts';

const ended = { code: 'session_ended' };
const check = (stage: Stage, accessToken: string | undefined, changes = false) =>
  stage.identity.checkSession({ contract: 'cookie', accessToken, changes });

/** Sessions of one account, as many sign-ins a minute apart would have made them. */
async function addSessions(stage: Stage, accountId: number, count: number, apart = 60_000): Promise<SessionId[]> {
  const ids = Array.from({ length: count }, () => randomUUID() as SessionId);
  const start = stage.clock.now();
  await stage.world.store.transaction(async ({ sessions }) => {
    for (const [index, id] of ids.entries()) {
      const at = start + index * apart;
      await sessions.insert({
        id,
        accountId: accountId as Parameters<typeof sessions.list>[0],
        contract: 'cookie',
        tokenId: randomUUID(),
        previousTokenId: null,
        createdAt: at,
        authenticatedAt: at,
        factorProvenAt: null,
        lastUsedAt: at,
        expiresAt: at + 7 * 86_400_000,
        address: null,
        userAgent: null,
        deviceId: null,
        tokenDigest: null,
        previousTokenDigest: null,
        tokenRenewedAt: null,
        siteId: null,
        passwordConfirmedAt: null,
      });
    }
  });
  stage.clock.advance({ milliseconds: count * apart });
  return ids;
}

onEachDatabase('a session', (open) => {
  it('is opened by an access token for fifteen minutes, to the second', async () => {
    const stage = await open();
    const { accessToken } = await stage.signIn((await stage.person()).email);
    stage.clock.advance({ minutes: 14, seconds: 59 });
    await check(stage, accessToken);
    stage.clock.advance({ seconds: 1 });
    await assert.rejects(check(stage, accessToken), ended);
  });

  it('is opened by nothing that only resembles its token', async () => {
    const stage = await open();
    const { accessToken, refreshToken } = await stage.signIn((await stage.person()).email);
    const [header = '', payload = '', signature = ''] = accessToken.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const last = signature.at(-1) === 'A' ? 'Q' : 'A';
    const wrong = [
      undefined,
      '',
      'x',
      refreshToken,
      accessToken.slice(0, -2),
      `${header}.${payload}.${signature.slice(0, -1)}${last}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${encode({ alg: 'none', typ: 'at+jwt' })}.${payload}.`,
      `${encode({ alg: 'ES256', typ: 'JWT' })}.${payload}.${signature}`,
      `${header}.${encode({ ...claims, exp: claims.exp + 3600 })}.${signature}`,
      `${accessToken}.${signature}`,
      'a.'.repeat(500),
      '.'.repeat(100_000),
    ];
    for (const text of wrong) await assert.rejects(check(stage, text), ended, String(text).slice(0, 50));
    await check(stage, accessToken);
  });

  it('is told apart by what it lacks: a credential, a good one, or its life', async () => {
    const stage = await open();
    const told = async (accessToken: string | undefined, credential: 'missing' | 'refused' | 'over') => {
      for (const changes of [false, true]) {
        const expected = { code: 'session_ended', facts: { credential } };
        await assert.rejects(check(stage, accessToken, changes), expected, String(accessToken));
      }
    };
    const { email, uuid } = await stage.person();
    const [first, expiring, locked] = [
      await stage.signIn(email),
      await stage.signIn((await stage.person()).email),
      await stage.signIn((await stage.person()).email),
    ];
    for (const none of [undefined, '']) await told(none, 'missing');
    const device = await onDevice(stage);
    for (const wrong of ['x', first.refreshToken, `${first.accessToken}A`, device.accessToken]) {
      await told(wrong, 'refused');
    }
    await assert.rejects(
      stage.identity.checkSession({ contract: 'device', accessToken: first.accessToken, changes: false }),
      { code: 'session_ended', facts: { credential: 'refused' } },
    );
    const second = await stage.refreshed(first);
    const third = await stage.refreshed(second);
    await told(first.accessToken, 'over');
    await stage.identity.lockAccount({ uuid: locked.account.uuid });
    await told(locked.accessToken, 'over');
    await stage.identity.deleteAccount({ uuid });
    await told(third.accessToken, 'over');
    stage.clock.advance({ minutes: 15 });
    await told(expiring.accessToken, 'over');
  });

  it('of the device contract is opened by an access token for an hour, to the second', async () => {
    const stage = await open();
    const { accessToken, session } = await onDevice(stage);
    const look = () => stage.identity.checkSession({ contract: 'device', accessToken, changes: false });
    stage.clock.advance({ minutes: 59, seconds: 59 });
    assert.equal((await look()).session.id, session.id);
    stage.clock.advance({ seconds: 1 });
    await assert.rejects(look(), ended);
  });

  it('that ended is refused at once, also where a copy would do', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const signedIn = await stage.signIn(email);
    const live = await check(stage, signedIn.accessToken);
    await stage.identity.endSession({ live, id: live.session.id, caller: stage.caller() });
    await assert.rejects(check(stage, signedIn.accessToken), ended);
    await assert.rejects(check(stage, signedIn.accessToken, true), ended);
    await assert.rejects(stage.refresh(signedIn.refreshToken), ended);
  });

  it('is listed with those of the account that live, newest first, and no secret', async () => {
    const stage = await open();
    const { email, uuid } = await stage.person();
    const other = await stage.signIn((await stage.person()).email);
    const first = await stage.signIn(email);
    stage.clock.advance({ days: 6 });
    const second = await stage.signIn(email);
    const live = await check(stage, second.accessToken);
    const ids = async () => (await stage.identity.listSessions(live)).map(({ id }) => id);
    assert.deepEqual(await ids(), [second.session.id, first.session.id]);
    stage.clock.advance({ days: 1 });
    assert.deepEqual(await ids(), [second.session.id]);
    const listed = JSON.stringify(await stage.identity.listSessions(live));
    for (const secret of [second.refreshToken, second.accessToken, uuid, other.session.id])
      assert.ok(!listed.includes(secret));
  });

  it('ends by its own id alone: somebody else’s, a made-up one and one that is over are not found', async () => {
    const stage = await open();
    const [ada, eve] = [await stage.person(), await stage.person()];
    const [hers, mine] = [await stage.signIn(ada.email), await stage.signIn(eve.email)];
    const live = await stage.live(mine);
    for (const id of [hers.session.id, randomUUID(), '', "' or 1=1 --"]) {
      await assert.rejects(stage.identity.endSession({ live, id, caller: stage.caller() }), { code: 'not_found' });
    }
    await stage.live(hers);
    await stage.identity.endSession({ live, id: mine.session.id, caller: stage.caller() });
    await assert.rejects(stage.live(mine), ended);
  });

  it('that ended meanwhile ends no other', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const [first, second] = [await stage.signIn(email), await stage.signIn(email)];
    const live = await stage.live(first);
    await stage.identity.endOtherSessions({ live: await stage.live(second), caller: stage.caller() });
    const attempt = stage.identity.endSession({ live, id: second.session.id, caller: stage.caller() });
    await assert.rejects(attempt, ended);
    await stage.live(second);
  });

  it('ends all others, of every kind, and what is pending', async () => {
    const stage = await open();
    const { email, uuid } = await stage.person();
    const [first, second, third] = [await stage.signIn(email), await stage.signIn(email), await stage.signIn(email)];
    await stage.identity.startPasswordReset({ contract: 'cookie', email, caller: stage.caller() });
    const token = await stage.tokenFor(email);
    const count = await stage.identity.endOtherSessions({ live: await stage.live(second), caller: stage.caller() });
    assert.equal(count, 2);
    await stage.live(second);
    await stage.refresh(second.refreshToken);
    for (const { refreshToken } of [first, third]) await assert.rejects(stage.refresh(refreshToken), ended);
    await assert.rejects(stage.identity.lookAtPasswordReset({ token }), { code: 'token_invalid' });
    assert.ok((await stage.recorded(uuid)).includes('session.ended_others'));
    await assert.rejects(stage.identity.endOtherSessions({ live: first, caller: stage.caller() }), ended);
  });

  it('is ended by signing out with either token, an expired one too, and by neither of another’s', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const signOut = (credentials: { accessToken?: string; refreshToken?: string }) =>
      stage.identity.signOut({ contract: 'cookie', credentials, caller: stage.caller() });
    const [byAccess, byRefresh, other] = [
      await stage.signIn(email),
      await stage.signIn(email),
      await stage.signIn(email),
    ];
    stage.clock.advance({ hours: 1 });
    assert.equal(await signOut({ accessToken: byAccess.accessToken }), true);
    assert.equal(await signOut({ refreshToken: byRefresh.refreshToken }), true);
    assert.equal(await signOut({ refreshToken: byRefresh.refreshToken }), false);
    assert.equal(await signOut({}), false);
    assert.equal(await signOut({ accessToken: 'x', refreshToken: 'y' }), false);
    await assert.rejects(stage.refresh(byAccess.refreshToken), ended);
    await assert.rejects(stage.refresh(byRefresh.refreshToken), ended);
    await stage.refresh(other.refreshToken);
  });

  it('is not ended by an access token that was replaced long ago', async () => {
    const stage = await open();
    const first = await stage.signIn((await stage.person()).email);
    const second = await stage.refreshed(first);
    const third = await stage.refreshed(second);
    await stage.identity.signOut({
      contract: 'cookie',
      credentials: { accessToken: first.accessToken },
      caller: stage.caller(),
    });
    await stage.live(third);
  });

  it('makes room for the fifty-first when it was not used for a day', async () => {
    const stage = await open();
    const { email, id } = await stage.person();
    const ids = await addSessions(stage, id, 50);
    stage.clock.advance({ days: 1 });
    const signedIn = await stage.signIn(email);
    const left = (await stage.identity.listSessions(await stage.live(signedIn))).map((session) => session.id);
    assert.equal(left.length, 50);
    assert.ok(!left.includes(ids[0] as SessionId));
  });

  it('makes no room while it was used within the day, but at two hundred', async () => {
    const stage = await open();
    const { email, id } = await stage.person();
    const ids = await addSessions(stage, id, 199, 1000);
    const first = await stage.signIn(email);
    assert.equal((await stage.identity.listSessions(first)).length, 200);
    stage.clock.advance({ seconds: 1 });
    const second = await stage.signIn(email);
    const left = (await stage.identity.listSessions(second)).map((session) => session.id);
    assert.equal(left.length, 200);
    assert.ok(!left.includes(ids[0] as SessionId) && left.includes(ids[1] as SessionId));
    await stage.live(first);
  });

  it('opens also when two hundred others claim to have been used later', async (t) => {
    const stage = await open();
    const { email, id } = await stage.person();
    await addSessions(stage, id, 200, 1000);
    // The clock was set back.
    stage.clock.advance({ hours: -1 });
    t.after(() => stage.clock.advance({ hours: 1 }));
    const signedIn = await stage.signIn(email);
    await stage.live(signedIn);
  });
});
