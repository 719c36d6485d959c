import assert from 'node:assert/strict';
import { it } from 'node:test';
import { interrupted, OTHER_PASSWORD, onEachDatabase, PASSWORD, type Stage, WRONG } from '../support/stage.ts';

async function signedIn(stage: Stage) {
  const person = await stage.person();
  const first = await stage.signIn(person.email);
  return { ...person, ...first, live: await stage.live(first) };
}

const change = (
  stage: Stage,
  live: Awaited<ReturnType<Stage['live']>>,
  of: { current?: string; next?: string; identity?: Stage['identity'] } = {},
) =>
  (of.identity ?? stage.identity).changePassword({
    live,
    currentPassword: of.current ?? PASSWORD,
    newPassword: of.next ?? OTHER_PASSWORD,
    caller: stage.caller(),
  });

onEachDatabase('changing the password', (open) => {
  it('ends every other session, and the one that asked goes on', async () => {
    const stage = await open();
    const { email, live, accessToken, refreshToken } = await signedIn(stage);
    const other = await stage.signIn(email);
    await change(stage, live);
    await stage.live({ accessToken });
    await stage.refresh(refreshToken);
    await assert.rejects(stage.live(other), { code: 'session_ended' });
    await assert.rejects(stage.refresh(other.refreshToken), { code: 'session_ended' });
    await assert.rejects(stage.trySignIn(email), { code: 'invalid_credentials' });
    await stage.signIn(email, { password: OTHER_PASSWORD });
  });

  it('moves the epoch, and every mailed link dies', async () => {
    const stage = await open();
    const { email, live, account } = await signedIn(stage);
    await stage.identity.startPasswordReset({ contract: 'cookie', email, caller: stage.caller() });
    const token = await stage.tokenFor(email);
    await change(stage, live);
    assert.ok((await stage.identity.findAccount({ name: email })).epoch > account.epoch);
    const reset = { contract: 'cookie', token, password: 'copper lantern quarry', caller: stage.caller() } as const;
    await assert.rejects(stage.identity.finishPasswordReset(reset), { code: 'token_invalid' });
  });

  it('needs the current password, and a wrong one is an attempt', async () => {
    const stage = await open();
    const { email, live, uuid } = await signedIn(stage);
    for (const current of [WRONG, '', OTHER_PASSWORD])
      await assert.rejects(change(stage, live, { current }), { code: 'invalid_credentials' });
    const events = await stage.recorded(uuid);
    assert.equal(events.filter((kind) => kind === 'sign_in.failed').length, 3);
    await stage.signIn(email);
  });

  it('takes no password that the policy refuses', async () => {
    const stage = await open();
    const { email, live } = await signedIn(stage);
    for (const next of ['short', 'password123', email, 'x'.repeat(1025), 'fine until\0here']) {
      await assert.rejects(change(stage, live, { next }), { code: 'password_rejected' }, next.slice(0, 20));
    }
    await stage.signIn(email);
  });

  it('is refused to a session that ended meanwhile, whatever the password', async () => {
    const stage = await open();
    const { email, live } = await signedIn(stage);
    await stage.identity.endSession({ live, id: live.session.id, caller: stage.caller() });
    await assert.rejects(change(stage, live), { code: 'session_ended' });
    await stage.signIn(email);
  });

  it('is void when the password was changed while the current one was being proven', async () => {
    const stage = await open();
    const { email, live } = await signedIn(stage);
    const hasher = interrupted(stage.world.hasher, () => change(stage, live, { next: 'copper lantern quarry' }));
    await assert.rejects(change(stage, live, { identity: stage.identityWith({ hasher }) }), { code: 'session_ended' });
    await stage.signIn(email, { password: 'copper lantern quarry' });
  });

  it('is void when the address’s owner took the account over meanwhile', async () => {
    const stage = await open();
    const { email, uuid, live } = await signedIn(stage);
    const hasher = interrupted(stage.world.hasher, () =>
      stage.identity.setPassword({ uuid, password: 'copper lantern quarry' }),
    );
    await assert.rejects(change(stage, live, { identity: stage.identityWith({ hasher }) }), { code: 'session_ended' });
    await stage.signIn(email, { password: 'copper lantern quarry' });
  });

  it('tells the owner, without a link', async () => {
    const stage = await open();
    const { email, live } = await signedIn(stage);
    await change(stage, live);
    const [mail, ...more] = await stage.mails(email);
    assert.deepEqual([mail?.links, mail?.code, more], [[], null, []]);
  });
});

onEachDatabase('proving the password again', (open) => {
  it('makes the sign-in fresh', async () => {
    const stage = await open();
    const { live, accessToken } = await signedIn(stage);
    stage.clock.advance({ minutes: 11 });
    await stage.identity.reauthenticate({ live, password: PASSWORD, caller: stage.caller() });
    assert.equal((await stage.live({ accessToken })).session.authenticatedAt, stage.clock.now());
    assert.equal(
      (await stage.identity.checkSession({ contract: 'cookie', accessToken, changes: false })).session.authenticatedAt,
      stage.clock.now(),
    );
  });

  it('proves no second factor', async () => {
    const stage = await open();
    const { live, accessToken } = await signedIn(stage);
    await stage.identity.reauthenticate({ live, password: PASSWORD, caller: stage.caller() });
    assert.equal((await stage.live({ accessToken })).session.factorProvenAt, null);
  });

  it('revives no session that ended meanwhile', async () => {
    const stage = await open();
    const { live, accessToken } = await signedIn(stage);
    const hasher = interrupted(stage.world.hasher, () =>
      stage.identity.endSession({ live, id: live.session.id, caller: stage.caller() }),
    );
    const proof = stage.identityWith({ hasher }).reauthenticate({ live, password: PASSWORD, caller: stage.caller() });
    await assert.rejects(proof, { code: 'session_ended' });
    await assert.rejects(stage.live({ accessToken }), { code: 'session_ended' });
  });

  it('counts for nothing when the password was changed meanwhile', async () => {
    const stage = await open();
    const { live, accessToken } = await signedIn(stage);
    stage.clock.advance({ minutes: 11 });
    const before = (await stage.live({ accessToken })).session.authenticatedAt;
    const hasher = interrupted(stage.world.hasher, () => change(stage, live));
    const proof = stage.identityWith({ hasher }).reauthenticate({ live, password: PASSWORD, caller: stage.caller() });
    await assert.rejects(proof);
    assert.equal((await stage.live({ accessToken })).session.authenticatedAt, before);
  });
});
