import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createIdentity } from '../../src/core/identity.ts';
import type { SignUp } from '../../src/core/sign-up.ts';
import type { Policy } from '../../src/core/world.ts';
import { OTHER_PASSWORD, onEachDatabase, PASSWORD } from '../support/stage.ts';
import { type BearerStage, openBearer } from './bearer-stage.ts';

function signUp(
  stage: BearerStage,
  email: string,
  of: { password?: string; name?: string | null; policy?: Partial<Policy> } = {},
): Promise<SignUp<'bearer'>> {
  const { name = 'Ada Lovelace', password = PASSWORD, policy } = of;
  const identity = createIdentity({ ...stage.world, policy: { ...stage.world.policy, ...policy } });
  return identity.signUp({ contract: 'bearer', email, name, password, caller: stage.caller() });
}

async function signedUp(stage: BearerStage, email: string) {
  const made = await signUp(stage, email);
  assert.equal(made.outcome, 'signed_in');
  return made as Extract<typeof made, { outcome: 'signed_in' }>;
}

const check = (stage: BearerStage, sessionToken: string, unprovenToo?: boolean) =>
  stage.identity.checkSessionToken({
    contract: 'bearer',
    sessionToken,
    changes: true,
    ...(unprovenToo && { unprovenToo }),
  });

onEachDatabase('signing up', (open) => {
  it('makes an account and opens its first session', async () => {
    const stage = await openBearer(open);
    const email = stage.address();
    const { account, clientToken, session, sessionToken } = await signedUp(stage, ` ${email.toUpperCase()}`);
    assert.deepEqual(
      [account.email, account.emailVerifiedAt, account.name, account.firstName, account.signInCount],
      [email, null, 'Ada Lovelace', 'Ada', 1],
    );
    assert.match(sessionToken, /^[\w-]{43}$/);
    assert.match(clientToken, /^[\w-]{43}$/);
    const { authenticatedAt, contract, factorProvenAt, tokenId } = session;
    assert.deepEqual([contract, tokenId, factorProvenAt, authenticatedAt], ['bearer', null, null, stage.clock.now()]);
    const live = await check(stage, sessionToken, true);
    assert.deepEqual([live.session.id, live.account.id], [session.id, account.id]);
  });

  it('K04: opens what asks for no proof and nothing else, until the address is proven', async () => {
    const stage = await openBearer(open);
    const email = stage.address();
    const { account, session, sessionToken } = await signedUp(stage, email);
    await assert.rejects(check(stage, sessionToken), { code: 'identifier_unproven' });
    await stage.identity.verifyEmail({
      token: await stage.tokenFor(email),
      contract: 'bearer',
      caller: stage.caller(),
    });
    const live = await check(stage, sessionToken);
    assert.deepEqual([live.session.id, live.account.id], [session.id, account.id]);
  });

  it('mails what proves the address, and tells nobody of a new device', async () => {
    const stage = await openBearer(open);
    const email = stage.address();
    await signedUp(stage, email);
    const mails = await stage.mails(email);
    assert.equal(mails.length, 1);
    assert.match(mails[0]?.links[0] ?? '', /^http:\/\/localhost:3000\/verify-email\?token=[\w-]{43}$/);
  });

  it('records the account, and its session is the only one', async () => {
    const stage = await openBearer(open);
    const { account, session } = await signedUp(stage, stage.address());
    assert.deepEqual(await stage.sessionsOf(account.id), [session.id]);
    assert.deepEqual(await stage.recorded(account.uuid), ['account.registered']);
  });

  it('opens no session where the server asks for a proven address first; the account is there', async () => {
    const stage = await openBearer(open);
    const email = stage.address();
    const made = await signUp(stage, email, { policy: { requireVerifiedEmail: true } });
    assert.deepEqual(Object.keys(made).sort(), ['account', 'outcome']);
    assert.equal(made.outcome, 'identifier_unproven');
    assert.deepEqual(await stage.sessionsOf(made.account.id), []);
    const token = await stage.tokenFor(email);
    await stage.identity.verifyEmail({ token, contract: 'bearer', caller: stage.caller() });
    await stage.byPassword(email);
  });

  it('is refused for a taken address, and opens no session of whoever has it', async () => {
    const stage = await openBearer(open);
    for (const verified of [true, false]) {
      const { email, id } = await stage.person({ verified });
      for (const policy of [{}, { requireVerifiedEmail: true }]) {
        const attempt = signUp(stage, email.toUpperCase(), { password: PASSWORD, policy });
        await assert.rejects(attempt, { code: 'identifier_taken', facts: { identifier: 'email' } });
      }
      assert.deepEqual(await stage.sessionsOf(id), []);
    }
  });

  it('is refused where sign-up is closed, with a weak password, and without an address; nothing is made', async () => {
    const stage = await openBearer(open);
    const email = stage.address();
    const closed = signUp(stage, email, { policy: { signUp: 'closed' } });
    await assert.rejects(closed, { code: 'sign_up_closed' });
    await assert.rejects(signUp(stage, email, { password: 'short' }), { code: 'password_rejected' });
    await assert.rejects(signUp(stage, 'no address'), { code: 'input_rejected' });
    assert.equal(await stage.world.store.accounts.findByIdentifier('email', email), undefined);
    assert.deepEqual(await stage.mails(email), []);
  });

  it('leaves a session that a takeover ends, with the password it came with (rule 7)', async () => {
    const stage = await openBearer(open);
    const email = stage.address();
    const { account, sessionToken } = await signedUp(stage, email);
    const token = await stage.token(account, 'password_reset', null);
    const reset = { contract: 'bearer', token, password: OTHER_PASSWORD, caller: stage.caller() } as const;
    await stage.identity.finishPasswordReset(reset);
    await assert.rejects(check(stage, sessionToken, true), { code: 'session_ended' });
    await assert.rejects(stage.byPassword(email), { code: 'invalid_credentials' });
    const { account: now } = await stage.byPassword(email, stage.identity, OTHER_PASSWORD);
    assert.deepEqual([now.id, now.name], [account.id, null]);
  });
});
