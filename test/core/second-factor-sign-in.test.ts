import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { PendingLoginName } from '../../src/core/second-factor-sign-in.ts';
import type { Caller } from '../../src/core/world.ts';
import { onEachDatabase, PASSWORD } from '../support/stage.ts';
import {
  addressOf,
  asCode,
  codeWrong,
  type FactorStage,
  openFactors,
  plainDevice,
  type Somebody,
} from './second-factors.ts';

const contract = 'device';
const NOTHING = { codes: 0, recoveryCodes: 0, inARow: 0 };

async function failuresOf(stage: FactorStage, { network }: Caller): Promise<number> {
  const row = await stage.handle.read
    .selectFrom('rate_limit')
    .select('count')
    .where('key', '=', `network:failure:${network.key}`)
    .executeTakeFirst();
  return row?.count ?? 0;
}

onEachDatabase('a login that waits for its code is reached', (open) => {
  /** A login with or without a fingerprint, and what completes it. */
  async function waiting(fingerprint: string | null, channel: Somebody['channel'] = 'totp') {
    const stage = await openFactors(open);
    const who = await stage.somebody(channel);
    const caller = stage.caller();
    const pending = await stage.login(who, { contract, caller, device: plainDevice(fingerprint) });
    const code = await stage.code(who);
    const reach = (name: PendingLoginName, from = stage.caller()) =>
      stage.complete({ name }, asCode(code), { contract, caller: from });
    return { stage, who, identifier: who.email, caller, challenge: pending.challenge, code, reach };
  }

  it('by its challenge, from anywhere', async () => {
    const { challenge, identifier, reach, who } = await waiting('otter-1');
    assert.equal((await reach({ challenge, identifier })).account.uuid, who.uuid);
  });

  it('by its challenge with any spelling of either identifier', async () => {
    const byEmail = await waiting(null);
    await byEmail.reach({ challenge: byEmail.challenge, identifier: ` ${byEmail.identifier.toUpperCase()} ` });
    const byPhone = await waiting(null);
    await byPhone.reach({ challenge: byPhone.challenge, identifier: byPhone.who.phone.replace('+33', '0') });
  });

  it('by its challenge only together with its own account', async () => {
    const { challenge, identifier, reach, stage, who } = await waiting(null);
    const other = await stage.person();
    await assert.rejects(reach({ challenge, identifier: other.email }), codeWrong);
    await assert.rejects(reach({ challenge, identifier: 'nobody at all' }), codeWrong);
    assert.deepEqual(await stage.counted(who), NOTHING);
    await reach({ challenge, identifier });
  });

  it('by no other challenge, whatever else is right', async () => {
    const { caller, identifier, reach } = await waiting(null);
    for (const challenge of ['', 'A'.repeat(43), 'null']) {
      await assert.rejects(reach({ challenge, identifier }, caller), codeWrong);
    }
    await reach({ identifier }, caller);
  });

  it('by the fingerprint that it gave, from anywhere', async () => {
    const { identifier, reach } = await waiting('otter-2');
    await reach({ identifier, fingerprint: 'otter-2' });
  });

  it('by no other fingerprint and no network, when it gave a fingerprint', async () => {
    const { caller, identifier, reach, stage, who } = await waiting('otter-3');
    for (const fingerprint of ['otter', 'OTTER-3', '', undefined]) {
      await assert.rejects(reach({ identifier, fingerprint }, caller), codeWrong);
    }
    assert.deepEqual(await stage.counted(who), NOTHING);
    await reach({ identifier, fingerprint: 'otter-3' });
  });

  it('by its network, when it gave no fingerprint, and by no other network', async () => {
    const { caller, identifier, reach, stage, who } = await waiting(null);
    await assert.rejects(reach({ identifier }), codeWrong);
    assert.deepEqual(await stage.counted(who), NOTHING);
    // What names the device now is not what says whose login it is.
    await reach({ identifier, fingerprint: 'otter-4' }, caller);
  });

  it('with the right password beside the code, from anywhere', async () => {
    for (const channel of ['totp', 'email'] as const) {
      const { code, identifier, stage, who } = await waiting('otter-5', channel);
      const both = (password: string) =>
        stage.identity.signInWithBoth({
          ...{ contract, name: {}, identifier, password, caller: stage.caller() },
          proof: asCode(code),
          mustBeProven: 'any',
        });
      await assert.rejects(both('not the password'), { code: 'invalid_credentials' });
      assert.deepEqual(await stage.counted(who), NOTHING);
      assert.equal((await both(PASSWORD)).account.uuid, who.uuid);
      await assert.rejects(both(PASSWORD), codeWrong);
    }
  });

  it('not at all where there is none: a code without a first step opens nothing and is not burnt', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const caller = stage.caller();
    const [recoveryCode = ''] = who.recoveryCodes;
    const name = { identifier: who.email };
    const code = asCode(await stage.code(who));
    await assert.rejects(stage.complete({ name }, code, { contract, caller }), codeWrong);
    await assert.rejects(stage.complete({ name }, { recoveryCode }, { contract, caller }), codeWrong);
    assert.deepEqual(await stage.counted(who), NOTHING);
    assert.equal(await failuresOf(stage, caller), 2);
    await stage.complete(await stage.login(who), { recoveryCode });
    await stage.complete(await stage.login(who), code);
  });

  it('by nobody who only knows whom to name, however often: thirty and their network is refused', async () => {
    const { caller: _, identifier, reach, stage, who } = await waiting(null);
    const stranger = stage.caller();
    for (let time = 0; time < 30; time += 1) await assert.rejects(reach({ identifier }, stranger), codeWrong);
    await assert.rejects(reach({ identifier }, stranger), { code: 'rate_limited', facts: { retryAfterSeconds: 300 } });
    assert.deepEqual(await stage.counted(who), NOTHING);
  });
});

onEachDatabase('password and code at once', (open) => {
  const both = (stage: FactorStage, who: { email: string }, text: string, of: { recovery?: boolean } = {}) =>
    stage.identity.signInWithBoth({
      contract,
      name: {},
      identifier: who.email,
      password: PASSWORD,
      proof: of.recovery ? { recoveryCode: text } : asCode(text),
      caller: stage.caller(),
      device: plainDevice(),
      mustBeProven: 'any',
    });

  it('need no login before them where the code is an authenticator’s or a recovery code', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    await both(stage, who, await stage.code(who));
    await both(stage, who, who.recoveryCodes[3] ?? '', { recovery: true });
    assert.deepEqual(await stage.counted(who), NOTHING);
  });

  it('open nothing where no code was sent', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('email');
    await assert.rejects(both(stage, who, '123456'), codeWrong);
    assert.deepEqual(await stage.codesTo(who.email), []);
  });

  it('open nothing on an account without a second factor: its login is no pending one', async () => {
    const stage = await openFactors(open);
    const who = await stage.reachable();
    await assert.rejects(both(stage, who, '123456'), codeWrong);
    const caller = stage.caller();
    await stage.signIn(who.email, { caller });
    const name = { identifier: who.email };
    await assert.rejects(stage.complete({ name }, asCode('123456'), { caller }), codeWrong);
  });

  it('count a wrong code like any other, and ten of them are all in the hour', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    for (const code of await stage.wrong(who, 10)) await assert.rejects(both(stage, who, code), codeWrong);
    assert.deepEqual(await stage.counted(who), { codes: 10, recoveryCodes: 0, inARow: 10 });
    const refusal = { code: 'rate_limited', facts: { retryAfterSeconds: 3600 } };
    await assert.rejects(both(stage, who, await stage.code(who)), refusal);
    stage.clock.advance({ hours: 1 });
    await both(stage, who, await stage.code(who));
  });

  it('ask for a proven identifier first', async () => {
    const stage = await openFactors(open);
    const who = await stage.person({ verified: false });
    await assert.rejects(both(stage, who, '123456'), { code: 'identifier_unproven' });
  });
});

onEachDatabase('a code asked for again', (open) => {
  async function waiting(channel: Somebody['channel'], fingerprint: string | null = null) {
    const stage = await openFactors(open);
    const who = await stage.somebody(channel);
    const caller = stage.caller();
    const { challenge } = await stage.login(who, { contract, caller, device: plainDevice(fingerprint) });
    const again = (name: PendingLoginName, from = stage.caller()) =>
      stage.identity.resendSignInCode({ contract, name, caller: from });
    const sent = () => stage.codesTo(addressOf(who));
    // What still waits to be sent when its code is over never is.
    await sent();
    return { stage, who, caller, challenge, again, identifier: who.email, sent };
  }

  for (const channel of ['email', 'sms'] as const) {
    it(`is sent by ${channel} after sixty seconds and no sooner; the one before is dead then`, async () => {
      const { again, caller, challenge, identifier, sent, stage, who } = await waiting(channel);
      const [first = ''] = await sent();
      stage.clock.advance({ seconds: 59, milliseconds: 999 });
      await again({ challenge, identifier });
      assert.deepEqual(await sent(), [first]);
      stage.clock.advance({ milliseconds: 1 });
      await again({ challenge, identifier });
      const [second = '', ...others] = await sent();
      assert.deepEqual(others, [first]);
      const of = { contract, caller } as const;
      await assert.rejects(stage.complete({ challenge }, asCode(first), of), codeWrong);
      await stage.complete({ challenge }, asCode(second), of);
      assert.deepEqual(await stage.counted(who), { codes: 1, recoveryCodes: 0, inARow: 0 });
    });
  }

  it('goes out for whoever reaches the login, and for nobody else', async () => {
    const { again, caller, challenge, identifier, sent, stage } = await waiting('email');
    stage.clock.advance({ seconds: 60 });
    for (const name of [{ identifier }, { identifier: stage.address() }, { identifier, challenge: 'B'.repeat(43) }]) {
      await again(name);
    }
    assert.equal((await sent()).length, 1);
    await again({ identifier }, caller);
    assert.equal((await sent()).length, 2);
    stage.clock.advance({ seconds: 60 });
    await again({ identifier, challenge });
    assert.equal((await sent()).length, 3);

    const named = await waiting('email', 'otter-6');
    named.stage.clock.advance({ seconds: 60 });
    await named.again({ identifier: named.identifier }, named.caller);
    assert.equal((await named.sent()).length, 1);
    await named.again({ identifier: named.identifier, fingerprint: 'otter-6' });
    assert.equal((await named.sent()).length, 2);
  });

  it('goes nowhere without a right password before it (R039)', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('email');
    const caller = stage.caller();
    const again = () => stage.identity.resendSignInCode({ contract, name: { identifier: who.email }, caller });
    await again();
    await assert.rejects(stage.trySignIn(who.email, { password: 'not it', caller }), { code: 'invalid_credentials' });
    await again();
    assert.deepEqual(await stage.mails(), []);
  });

  it('goes nowhere for an authenticator, for a login that is over, or for a locked account', async () => {
    const totp = await waiting('totp');
    totp.stage.clock.advance({ minutes: 1 });
    await totp.again({ challenge: totp.challenge });
    assert.deepEqual(await totp.stage.mails(), []);

    const over = await waiting('email');
    over.stage.clock.advance({ minutes: 10 });
    await over.again({ challenge: over.challenge });
    assert.equal((await over.sent()).length, 1);

    const locked = await waiting('email');
    locked.stage.clock.advance({ minutes: 1 });
    await locked.stage.identity.lockAccount({ uuid: locked.who.uuid });
    await locked.again({ challenge: locked.challenge });
    assert.equal((await locked.sent()).length, 1);
  });

  it('does not begin the count of wrong ones anew (R036)', async () => {
    const { again, challenge, stage, who } = await waiting('email');
    for (const code of await stage.wrong(who, 4)) {
      await assert.rejects(stage.complete({ challenge }, asCode(code), { contract }), codeWrong);
    }
    stage.clock.advance({ seconds: 60 });
    await again({ challenge });
    const [fifth = ''] = await stage.wrong(who, 1);
    await assert.rejects(stage.complete({ challenge }, asCode(fifth), { contract }), codeWrong);
    await assert.rejects(stage.complete({ challenge }, asCode(await stage.code(who)), { contract }), codeWrong);
    assert.deepEqual(await stage.counted(who), { codes: 5, recoveryCodes: 0, inARow: 5 });
  });

  it('goes out ten times an hour to one address, and the answer stays the same (R040)', async () => {
    const { again, challenge, sent, stage, who } = await waiting('email');
    for (let time = 0; time < 9; time += 1) {
      stage.clock.advance({ seconds: 60 });
      await again({ challenge });
    }
    assert.equal((await sent()).length, 10);
    stage.clock.advance({ seconds: 59 });
    const late = await stage.login(who, { contract });
    assert.equal((await sent()).length, 10);
    stage.clock.advance({ seconds: 60 });
    await again({ challenge: late.challenge });
    assert.equal((await sent()).length, 10);
    stage.clock.advance({ hours: 1 });
    await stage.login(who, { contract });
    assert.equal((await sent()).length, 11);
  });
});
