import assert from 'node:assert/strict';
import { it } from 'node:test';
import { onEachDatabase, type Stage } from '../support/stage.ts';

async function locked(stage: Stage) {
  const person = await stage.person();
  await stage.lock(person.email);
  return { ...person, token: await stage.tokenFor(person.email) };
}

const unlock = (stage: Stage, token: string) =>
  stage.identity.unlockSignIn({ token, contract: 'page', caller: stage.caller() });

onEachDatabase('the link that lifts a lock', (open) => {
  it('lets every kind of client try again at once', async () => {
    const stage = await open();
    const { email, token } = await locked(stage);
    assert.deepEqual(await stage.identity.lookAtUnlock({ token }), { email });
    await unlock(stage, token);
    await stage.signIn(email);
  });

  it('works once', async () => {
    const stage = await open();
    const { email, token } = await locked(stage);
    await unlock(stage, token);
    await stage.lock(email);
    await assert.rejects(unlock(stage, token), { code: 'token_invalid' });
    await assert.rejects(stage.trySignIn(email), { code: 'account_locked' });
  });

  it('signs nobody in and proves nothing', async () => {
    const stage = await open();
    const { email, token, id } = await locked(stage);
    await unlock(stage, token);
    assert.deepEqual(
      await stage.handle.read.selectFrom('session').select('id').where('account_id', '=', id).execute(),
      [],
    );
    await stage.fail(email, 1);
  });

  it('lifts nobody else’s lock, and no operator’s', async () => {
    const stage = await open();
    const [ada, eve] = [await locked(stage), await locked(stage)];
    await unlock(stage, ada.token);
    await assert.rejects(stage.trySignIn(eve.email), { code: 'account_locked' });
    await stage.identity.lockAccount({ uuid: eve.uuid });
    await assert.rejects(unlock(stage, eve.token), { code: 'token_invalid' });
    await assert.rejects(stage.trySignIn(eve.email), { code: 'account_locked' });
  });

  it('is recorded', async () => {
    const stage = await open();
    const { token, uuid } = await locked(stage);
    await unlock(stage, token);
    assert.deepEqual((await stage.recorded(uuid)).slice(-2), ['sign_in.locked_out', 'sign_in.unlocked']);
  });
});
