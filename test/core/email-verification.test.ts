import assert from 'node:assert/strict';
import { it } from 'node:test';
import { OTHER_PASSWORD, onEachDatabase, PASSWORD, type Stage, tally } from '../support/stage.ts';

async function newcomer(stage: Stage, caller = stage.caller()) {
  const email = stage.address();
  const account = await stage.identity.register({ contract: 'cookie', email, name: 'Ada', password: PASSWORD, caller });
  return { ...account, email, token: await stage.tokenFor(email) };
}

const verify = (stage: Stage, token: string) =>
  stage.identity.verifyEmail({ token, contract: 'cookie', caller: stage.caller() });
const resend = (stage: Stage, email: string, caller = stage.caller()) =>
  stage.identity.resendVerification({ email, caller });

onEachDatabase('proving an address', (open) => {
  it('works once with one link', async () => {
    const stage = await open();
    const { email, token } = await newcomer(stage);
    const account = await verify(stage, token);
    assert.equal(account.emailVerifiedAt, stage.clock.now());
    await assert.rejects(verify(stage, token), { code: 'token_invalid' });
    await stage.signIn(email);
  });

  it('leaves the account’s sessions and epoch alone', async () => {
    const stage = await open();
    const { email, token, epoch } = await newcomer(stage);
    const before = await stage.identity.signInWithPassword({
      contract: 'cookie',
      identifier: email,
      password: PASSWORD,
      caller: stage.caller(),
      mustBeProven: 'as_set',
    });
    assert.equal(before.outcome, 'signed_in');
    const account = await verify(stage, token);
    assert.equal(account.epoch, epoch);
    if (before.outcome === 'signed_in') await stage.live(before);
  });

  it('can be asked for again five times an hour for one address, known or not', async () => {
    const stage = await open();
    const { email } = await newcomer(stage);
    for (const address of [email, stage.address()]) {
      const answers: string[] = [];
      for (let time = 0; time < 7; time += 1)
        answers.push(
          await resend(stage, address.toUpperCase()).then(
            () => 'sent',
            ({ code }) => code,
          ),
        );
      assert.deepEqual(answers, ['sent', 'sent', 'sent', 'sent', 'sent', 'rate_limited', 'rate_limited']);
    }
    stage.clock.advance({ minutes: 59, seconds: 59 });
    await assert.rejects(resend(stage, email), { code: 'rate_limited', facts: { retryAfterSeconds: 1 } });
    stage.clock.advance({ seconds: 1 });
    await resend(stage, email);
  });

  it('sends no more than five mails an hour to one address', async () => {
    const stage = await open();
    const { email } = await newcomer(stage);
    for (let time = 0; time < 5; time += 1) await resend(stage, email);
    assert.equal((await stage.mails(email)).length, 5);
  });

  it('is asked for twenty times an hour by one network, however many ask at once', async () => {
    const stage = await open();
    const caller = stage.caller();
    const answers = await Promise.all(
      Array.from({ length: 40 }, () =>
        resend(stage, stage.address(), caller).then(
          () => 'sent',
          ({ code }) => code,
        ),
      ),
    );
    assert.deepEqual(tally(answers), { sent: 20, rate_limited: 20 });
  });

  it('sends nothing to an unknown address, a proven one, or one an operator locked', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const locked = await newcomer(stage);
    await stage.identity.lockAccount({ uuid: locked.uuid });
    const unknown = stage.address();
    const before = await Promise.all([email, locked.email, unknown].map(async (to) => (await stage.mails(to)).length));
    for (const address of [email, locked.email, unknown, 'no address']) await resend(stage, address);
    const after = await Promise.all([email, locked.email, unknown].map(async (to) => (await stage.mails(to)).length));
    assert.deepEqual(after, before);
  });

  it('shows when and from where the account was made, and consumes nothing', async () => {
    const stage = await open();
    const caller = stage.caller({ address: '203.0.113.9', userAgent: 'Otter/3' });
    const { email, token, createdAt } = await newcomer(stage, caller);
    for (let time = 0; time < 5; time += 1) {
      assert.deepEqual(await stage.identity.lookAtVerification({ token }), {
        email,
        createdAt,
        createdFrom: { address: '203.0.113.9', userAgent: 'Otter/3' },
      });
    }
    await verify(stage, token);
  });
});

onEachDatabase('"this wasn’t me"', (open) => {
  const disown = (stage: Stage, token: string) => stage.identity.disownAccount({ token, caller: stage.caller() });

  it('removes the account, and the address is free at once', async () => {
    const stage = await open();
    const { email, token, id } = await newcomer(stage);
    await disown(stage, token);
    await assert.rejects(stage.trySignIn(email), { code: 'invalid_credentials' });
    const again = await stage.identity.register({
      contract: 'cookie',
      email,
      name: null,
      password: OTHER_PASSWORD,
      caller: stage.caller(),
    });
    assert.ok(again.id > id);
  });

  it('has no further link sent', async () => {
    const stage = await open();
    const { email, token } = await newcomer(stage);
    stage.clock.advance({ minutes: 2 });
    await resend(stage, email);
    await disown(stage, token);
    assert.equal((await stage.mails(email)).length, 1);
  });

  it('leaves an account alone that has proven its address', async () => {
    const stage = await open();
    const { email, token } = await newcomer(stage);
    stage.clock.advance({ seconds: 1 });
    await resend(stage, email);
    const second = await stage.tokenFor(email);
    await verify(stage, token);
    await assert.rejects(disown(stage, second), { code: 'token_invalid' });
    await stage.signIn(email);
  });

  it('leaves one alone that an operator verified meanwhile', async () => {
    const stage = await open();
    const { email, token, id } = await newcomer(stage);
    await stage.world.store.transaction(({ identifiers }) => identifiers.markVerified(id, 'email', stage.clock.now()));
    await disown(stage, token);
    await stage.signIn(email);
  });

  it('keeps no record of who pressed it', async () => {
    const stage = await open();
    const { token, uuid } = await newcomer(stage);
    await stage.identity.disownAccount({
      token,
      caller: stage.caller({ address: '203.0.113.77', userAgent: 'Owner/1' }),
    });
    const events = await stage.world.store.audit.list({ limit: 5 });
    const disowned = events.find(({ kind, facts }) => kind === 'account.disowned' && facts['uuid'] === uuid);
    assert.deepEqual(disowned?.details, { address: null, userAgent: null });
  });

  it('forgets the failures counted against the account', async () => {
    const stage = await open();
    const { email, token } = await newcomer(stage);
    await stage.fail(email, 9);
    await disown(stage, token);
    await stage.identity.register({
      contract: 'cookie',
      email,
      name: null,
      password: OTHER_PASSWORD,
      caller: stage.caller(),
    });
    await stage.fail(email, 1);
    await assert.rejects(stage.trySignIn(email, { password: OTHER_PASSWORD }), { code: 'identifier_unproven' });
  });
});
