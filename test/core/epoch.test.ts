import assert from 'node:assert/strict';
import { it } from 'node:test';
import { interrupted, OTHER_PASSWORD, onEachDatabase, PASSWORD, type Stage } from '../support/stage.ts';

type Person = Awaited<ReturnType<Stage['person']>>;

/** What voids everything that was read before it (rule 8). */
const changes: Record<string, (stage: Stage, person: Person) => Promise<unknown>> = {
  'a change of the password': async (stage, { email }) => {
    const live = await stage.live(await stage.signIn(email));
    const change = { live, currentPassword: PASSWORD, newPassword: OTHER_PASSWORD, caller: stage.caller() };
    await stage.identity.changePassword(change);
  },
  'a reset': async (stage, { email }) => {
    await stage.identity.startPasswordReset({ contract: 'cookie', email, caller: stage.caller() });
    const token = await stage.tokenFor(email);
    await stage.identity.finishPasswordReset({
      contract: 'cookie',
      token,
      password: OTHER_PASSWORD,
      caller: stage.caller(),
    });
  },
  'an operator’s password': (stage, { uuid }) => stage.identity.setPassword({ uuid, password: OTHER_PASSWORD }),
  'an operator’s lock': (stage, { uuid }) => stage.identity.lockAccount({ uuid }),
  'an operator’s lock that was lifted again': async (stage, { uuid }) => {
    await stage.identity.lockAccount({ uuid });
    await stage.identity.unlockAccount({ uuid });
  },
  'a deletion': (stage, { uuid }) => stage.identity.deleteAccount({ uuid }),
  'signing out everywhere': async (stage, { email }) => {
    const live = await stage.live(await stage.signIn(email));
    await stage.identity.endOtherSessions({ live, caller: stage.caller() });
    await stage.identity.endSession({ live, id: live.session.id, caller: stage.caller() });
  },
};

const sessionsOf = (stage: Stage, { id }: Person) =>
  stage.handle.read.selectFrom('session').select('id').where('account_id', '=', id).execute();

for (const [name, change] of Object.entries(changes)) {
  onEachDatabase(name, (open) => {
    it('leaves a sign-in that was under way without a session', async () => {
      const stage = await open();
      const person = await stage.person();
      let ownSessions = 0;
      const hasher = interrupted(stage.world.hasher, async () => {
        await change(stage, person);
        ownSessions = (await sessionsOf(stage, person)).length;
      });
      await assert.rejects(stage.trySignIn(person.email, { identity: stage.identityWith({ hasher }) }), {
        code: 'invalid_credentials',
      });
      assert.equal((await sessionsOf(stage, person)).length, ownSessions);
    });

    it('makes nothing fail of a wrong password that was under way but the attempt', async () => {
      const stage = await open();
      const person = await stage.person();
      const hasher = interrupted(stage.world.hasher, () => change(stage, person));
      const attempt = stage.trySignIn(person.email, { password: 'wrong', identity: stage.identityWith({ hasher }) });
      await assert.rejects(attempt, { code: 'invalid_credentials' });
    });

    it('kills a pending second factor', async () => {
      const stage = await open();
      const person = await stage.person();
      const session = await stage.signIn(person.email);
      await stage.handle.transaction(async (db) => {
        await db.updateTable('account').set({ code_factor: 'totp' }).where('id', '=', person.id).execute();
      });
      const pending = await stage.trySignIn(person.email);
      assert.equal(pending.outcome, 'second_factor_due');
      // The changes sign in by password alone.
      await stage.handle.transaction(async (db) => {
        await db.updateTable('account').set({ code_factor: null }).where('id', '=', person.id).execute();
      });
      await change(stage, person);
      const rows = await stage.handle.read
        .selectFrom('pending_login')
        .innerJoin('account', 'account.id', 'pending_login.account_id')
        .select('digest')
        .whereRef('pending_login.epoch', '=', 'account.epoch')
        .where('account_id', '=', person.id)
        .execute();
      assert.deepEqual(rows, []);
      await assert.rejects(stage.live(session), { code: 'session_ended' });
    });
  });
}

onEachDatabase('a sign-in that a change voided', (open) => {
  it('keeps no place of those that guesses take', async () => {
    const stage = await open();
    const person = await stage.person();
    for (let time = 0; time < 12; time += 1) {
      const hasher = interrupted(stage.world.hasher, () =>
        stage.world.store.transaction(({ accounts }) => accounts.moveEpoch(person.id, stage.clock.now())),
      );
      await assert.rejects(stage.trySignIn(person.email, { identity: stage.identityWith({ hasher }) }), {
        code: 'invalid_credentials',
      });
    }
    await stage.signIn(person.email);
  });

  it('meets a second factor that was enabled meanwhile', async () => {
    const stage = await open();
    const person = await stage.person();
    const hasher = interrupted(stage.world.hasher, () =>
      stage.handle.transaction(async (db) => {
        await db.updateTable('account').set({ code_factor: 'totp', epoch: 1 }).where('id', '=', person.id).execute();
      }),
    );
    await assert.rejects(stage.trySignIn(person.email, { identity: stage.identityWith({ hasher }) }), {
      code: 'invalid_credentials',
    });
  });
});
