import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { type CodePurpose, sendCode } from '../../src/core/delivered-code.ts';
import type { Random } from '../../src/core/world.ts';
import { OTHER_PASSWORD, onEachDatabase, openStage, PASSWORD, type Stage } from '../support/stage.ts';
import { asCode, codeWrong, type FactorStage, openFactors, type Somebody, withFactors } from './second-factors.ts';

const contract = 'cookie';

/** The digits of so many codes, as the random numbers give them. */
async function drawn(stage: Stage, purpose: CodePurpose, count: number, random: Random): Promise<string[]> {
  const account = await stage.person();
  const codes: string[] = [];
  await stage.world.store.transaction(async (store) => {
    const outbox: typeof store.outbox = {
      ...store.outbox,
      async add({ facts }) {
        if ('code' in facts) codes.push(facts.code);
      },
    };
    const policy = { ...stage.world.policy, rateLimits: false };
    const world = { ...stage.world, policy, random, store: { ...store, outbox } };
    const to = account.email;
    for (let sent = 0; sent < count; sent += 1) {
      await sendCode(world, { account, purpose, channel: 'email', to, caller: stage.caller(), trusted: true });
    }
  });
  return codes;
}

/** Numbers that are drawn one after the other. */
const dealing = (...numbers: number[]): Random => ({
  uuid: () => crypto.randomUUID(),
  bytes(length) {
    const bytes = Buffer.alloc(length);
    bytes.writeUInt32BE(numbers.shift() ?? 0);
    return bytes;
  },
});

describe('the digits of a code (R032)', () => {
  it('are six, each as likely as the others in every place, leading zeros kept', async (t) => {
    const stage = await openStage(t);
    let count = 0;
    // The same in each run.
    const random: Random = {
      uuid: () => crypto.randomUUID(),
      bytes: (length) => createHash('sha256').update(`draw ${count++}`).digest().subarray(0, length),
    };
    const codes = await drawn(stage, 'sign_in', 3000, random);
    assert.equal(codes.length, 3000);
    for (const code of codes) assert.match(code, /^\d{6}$/);
    for (let place = 0; place < 6; place += 1) {
      const expected = codes.length / 10;
      const counts = Array.from(
        { length: 10 },
        (_, digit) => codes.filter((code) => code[place] === `${digit}`).length,
      );
      const chiSquare = counts.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
      // Nine degrees of freedom: p = 0.001.
      assert.ok(chiSquare < 27.88, `place ${place}: ${counts.join(', ')}`);
    }
    assert.ok(new Set(codes).size > 2980);
  });

  it('leave out the numbers that would make some codes likelier', async (t) => {
    const stage = await openStage(t);
    // 2 ** 32 is no multiple of a million: the last 967,296 numbers would fall on the first codes once more.
    const unfair = dealing(0xffff_ffff, 4_294_000_000, 4_293_999_999, 7, 1_000_012);
    assert.deepEqual(await drawn(stage, 'sign_in', 3, unfair), ['999999', '000007', '000012']);
    const unfairEight = dealing(0xffff_ffff, 4_200_000_000, 4_199_999_999, 100_000_007);
    assert.deepEqual(await drawn(stage, 'password_reset', 2, unfairEight), ['99999999', '00000007']);
  });
});

interface Sent {
  code: string;
  /** Presents a code where this one belongs. */
  use(code: string): Promise<unknown>;
}
type Send = (stage: FactorStage, who: Somebody, live: Awaited<ReturnType<FactorStage['liveFully']>>) => Promise<Sent>;

async function newestTo(stage: FactorStage, to: string): Promise<string> {
  const [code = assert.fail(`nothing went to ${to}`)] = await stage.codesTo(to);
  // The next one is newer.
  stage.clock.advance({ milliseconds: 1 });
  return code;
}

/** Everything that a person with the e-mail factor may be sent a code for. */
const SENDS: Record<string, Send> = {
  'a sign-in of the cookie contract': async (stage, who) => {
    const pending = await stage.login(who);
    return { code: await newestTo(stage, who.email), use: (code) => stage.complete(pending, asCode(code)) };
  },
  'a sign-in of the device contract': async (stage, who) => {
    const pending = await stage.login(who, { contract: 'device' });
    const use = (code: string) => stage.complete(pending, asCode(code), { contract: 'device' });
    return { code: await newestTo(stage, who.email), use };
  },
  'making the sign-in fresh again': async (stage, who, live) => {
    const caller = stage.caller();
    await stage.identity.reauthenticate({ live, password: PASSWORD, caller });
    const use = (code: string) => stage.identity.reauthenticate({ live, secondFactor: asCode(code), caller });
    return { code: await newestTo(stage, who.email), use };
  },
  'switching the factor on': async (stage, who, live) => {
    const caller = stage.caller();
    await stage.identity.startSecondFactor({ live, channel: 'email', caller });
    const use = (code: string) =>
      stage.identity.confirmSecondFactor({ live, code, revokeOtherSessions: false, caller });
    return { code: await newestTo(stage, who.email), use };
  },
  'switching another factor on': async (stage, who, live) => {
    const caller = stage.caller();
    await stage.identity.startSecondFactor({ live, channel: 'sms', caller });
    const use = (code: string) =>
      stage.identity.confirmSecondFactor({ live, code, revokeOtherSessions: false, caller });
    return { code: await newestTo(stage, who.phone), use };
  },
  'another address': async (stage, _, live) => {
    const [caller, value] = [stage.caller(), stage.address()];
    await stage.identity.startIdentifierChange({ live, kind: 'email', value, caller });
    const use = (code: string) => stage.identity.finishIdentifierChange({ live, kind: 'email', code, caller });
    return { code: await newestTo(stage, value), use };
  },
  'another number': async (stage, _, live) => {
    const [caller, value] = [stage.caller(), stage.phone()];
    await stage.identity.startIdentifierChange({ live, kind: 'phone', value, caller });
    const use = (code: string) => stage.identity.finishIdentifierChange({ live, kind: 'phone', code, caller });
    return { code: await newestTo(stage, value), use };
  },
  'a reset of the password': async (stage, who) => {
    const caller = stage.caller();
    const of = { contract, identifier: who.email, caller } as const;
    const { challenge } = await stage.identity.startPasswordResetByCode(of);
    const use = (code: string) =>
      stage.identity.finishPasswordResetByCode({ ...of, challenge, code, password: OTHER_PASSWORD });
    return { code: await newestTo(stage, who.email), use };
  },
};
const NAMES = Object.keys(SENDS);
const send = (name: string): Send => SENDS[name] ?? assert.fail(name);

onEachDatabase('a code that was sent', (open, database) => {
  async function ready() {
    const stage = await openFactors(open);
    const who = await stage.somebody('email');
    const live = await stage.liveFully(who);
    return { stage, who, live };
  }

  for (const name of NAMES) {
    // Each against each takes its time, and one database is like the other in it.
    if (database === 'sqlite') {
      it(`for ${name} is good for that and for nothing else (R038)`, async () => {
        // The factor that is begun last is the only one that waits: those two are looked at apart.
        const others = NAMES.filter(
          (other) => other !== name && !(name.startsWith('switching') && other.startsWith('switching')),
        );
        for (let first = 0; first < others.length; first += 2) {
          const { live, stage, who } = await ready();
          const own = await send(name)(stage, who, live);
          for (const other of others.slice(first, first + 2)) {
            const foreign = await send(other)(stage, who, live);
            await assert.rejects(own.use(foreign.code), codeWrong, `that of ${other}`);
          }
          await own.use(own.code);
          await assert.rejects(own.use(own.code), { code: /code_wrong|session_ended/ });
        }
      });
    }

    it(`for ${name} is no other account’s (R038)`, async () => {
      const stage = await withFactors(await open());
      const [ada, bob] = [await stage.somebody('email'), await stage.somebody('email')];
      const sent: Sent[] = [];
      for (const who of [ada, bob]) sent.push(await send(name)(stage, who, await stage.liveFully(who)));
      const [adas, bobs] = sent;
      await assert.rejects(adas?.use(bobs?.code ?? '') ?? assert.fail(), codeWrong);
      await bobs?.use(bobs.code);
      await adas?.use(adas.code);
    });

    it(`for ${name} is good for ten minutes, judged when it is used (R033)`, async () => {
      for (const [seconds, good] of [[599, true] as const, [600, false] as const, [601, false] as const]) {
        const { live, stage, who } = await ready();
        const { code, use } = await send(name)(stage, who, live);
        // Nobody has cleaned up: the row is there when its time is over.
        stage.clock.advance({ milliseconds: seconds * 1000 - 1 });
        const rows = await stage.handle.read
          .selectFrom('delivered_code')
          .select('expires_at')
          .where('account_id', '=', who.id)
          .where('expires_at', '=', stage.clock.now() + 600_000 - seconds * 1000)
          .execute();
        assert.equal(rows.length, 1);
        if (good) await use(code);
        else await assert.rejects(use(code), codeWrong, `${seconds} s`);
      }
    });

    it(`for ${name} is dead after its wrong tries (R035)`, async () => {
      const { live, stage, who } = await ready();
      const { code, use } = await send(name)(stage, who, live);
      for (let time = 1; time <= (code.length === 8 ? 3 : 5); time += 1) {
        const wrong = String((Number(code) + time) % 10 ** code.length).padStart(code.length, '0');
        await assert.rejects(use(wrong), codeWrong);
      }
      await assert.rejects(use(code), codeWrong);
    });
  }
});
