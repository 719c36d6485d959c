import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { AccountId } from '../../src/core/account.ts';
import { createIdentity, type Identity } from '../../src/core/identity.ts';
import { onEachDatabase, PASSWORD, race, type Stage, tally } from '../support/stage.ts';
import { codeWrong } from './second-factors.ts';
import { openTwo, type TwoServers } from './two-servers.ts';

const CALLERS = 50;
const KINDS = ['email', 'phone'] as const;
type Kind = (typeof KINDS)[number];

/** A signed-in person, and what they may want to be reached by. */
async function member(stage: TwoServers) {
  const person = await stage.reachable();
  const caller = stage.caller();
  const live = await stage.live(await stage.signIn(person.email, { caller }));
  return { ...person, live, caller };
}
type Member = Awaited<ReturnType<typeof member>>;

const newValue = (stage: TwoServers, kind: Kind): string => (kind === 'email' ? stage.address() : stage.phone());
const start = (identity: Identity, { caller, live }: Member, kind: Kind, value: string) =>
  identity.startIdentifierChange({ live, kind, value, caller });
const finish = (identity: Identity, { caller, live }: Member, kind: Kind, code: string) =>
  identity.finishIdentifierChange({ live, kind, code, caller });
const codeFor = async (stage: TwoServers, to: string): Promise<string> => (await stage.codesTo(to))[0] ?? assert.fail();

/** What the account is reached by, and whether somebody holds the value. */
async function held(stage: Stage, id: AccountId, kind: Kind): Promise<string | null | undefined> {
  return (await stage.world.store.accounts.find(id))?.[kind];
}

/** The same server without the pause between two codes, so that many go out at once. */
const hasty = (stage: Stage): Identity =>
  createIdentity({ ...stage.world, policy: { ...stage.world.policy, rateLimits: false } });

const wrongFrom = (right: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) =>
    String((Number(right) + 1 + index) % 10 ** right.length).padStart(right.length, '0'),
  );

onEachDatabase('codes that were sent, of many who come at once', (open) => {
  for (const kind of KINDS) {
    it(`one proves the new ${kind}`, async () => {
      const stage = await openTwo(open);
      const who = await member(stage);
      const value = newValue(stage, kind);
      await start(stage.identity, who, kind, value);
      const code = await codeFor(stage, value);
      const { lost, won } = await race(CALLERS, (index) => finish(stage.at(index), who, kind, code));
      assert.deepEqual([won.length, tally(lost)], [1, { code_wrong: 49 }]);
      assert.equal(await held(stage, who.id, kind), value);
      assert.equal(stage.repeats(), 0, 'transactions waited for each other');
    });

    it(`fifty wrong codes are five tries at the new ${kind}, and the right one is dead`, async () => {
      const stage = await openTwo(open);
      const who = await member(stage);
      const value = newValue(stage, kind);
      await start(stage.identity, who, kind, value);
      const code = await codeFor(stage, value);
      const wrong = wrongFrom(code, CALLERS);
      const { lost } = await race(CALLERS, (index) => finish(stage.at(index), who, kind, wrong[index] ?? ''));
      assert.deepEqual(tally(lost), { code_wrong: CALLERS });
      assert.equal((await stage.counted(who)).codes, 5);
      await assert.rejects(finish(stage.identity, who, kind, code), codeWrong);
      assert.equal(await held(stage, who.id, kind), who[kind]);
    });

    it(`one of two accounts gets the same new ${kind} (R116)`, async () => {
      const stage = await openTwo(open);
      const people = [await member(stage), await member(stage)];
      const value = newValue(stage, kind);
      const codes: string[] = [];
      for (const who of people) {
        await start(stage.identity, who, kind, value);
        codes.push(await codeFor(stage, value));
        stage.clock.advance({ seconds: 1 });
      }
      const { lost, won } = await race(2, (index) =>
        finish(stage.at(index), people[index] ?? assert.fail(), kind, codes[index] ?? ''),
      );
      assert.deepEqual([won.length, lost], [1, ['identifier_taken']]);
      const holders = await Promise.all(people.map(({ id }) => held(stage, id, kind)));
      assert.equal(holders.filter((holder) => holder === value).length, 1);
      assert.equal(won[0]?.[kind], value);
      const loser = people.find(({ id }) => id !== won[0]?.id) ?? assert.fail();
      assert.equal(await held(stage, loser.id, kind), loser[kind]);
      assert.equal(stage.repeats(), 0, 'transactions waited for each other');
    });

    it(`the ${kind} that is proven is the one that the code went to (R115)`, async () => {
      const stage = await openTwo(open);
      const who = await member(stage);
      const [own, victims] = [newValue(stage, kind), newValue(stage, kind)];
      const identity = hasty(stage);
      const requests = kind === 'email' ? 2 * CALLERS : CALLERS;
      await race(requests, (index) => start(identity, who, kind, index % 2 ? own : victims));
      // Whoever asks has the codes that went to their own and none of the others.
      const codes = [...new Set(await stage.codesTo(own))];
      assert.ok(codes.length > requests / 3);
      const { won } = await race(codes.length, (index) => finish(identity, who, kind, codes[index] ?? ''));
      assert.ok(won.length <= 1);
      assert.equal(await held(stage, who.id, kind), won.length === 1 ? own : who[kind]);
    });

    it(`no ${kind} is proven by a code that another one replaces meanwhile (R115)`, async () => {
      for (let round = 0; round < 2; round += 1) {
        const stage = await openTwo(open);
        const who = await member(stage);
        const [own, victims] = [newValue(stage, kind), newValue(stage, kind)];
        await start(stage.identity, who, kind, own);
        const code = await codeFor(stage, own);
        const identity = hasty(stage);
        const { won } = await race(CALLERS, async (index) => {
          if (index % 2) return finish(identity, who, kind, code);
          await start(identity, who, kind, victims);
          return undefined;
        });
        const proven = won.filter((account) => account !== undefined);
        assert.ok(proven.length <= 1);
        assert.equal(await held(stage, who.id, kind), proven.length === 1 ? own : who[kind]);
      }
    });
  }

  it('one change request is sent a code, and the other forty-nine are told to wait', async () => {
    const stage = await openTwo(open);
    const who = await member(stage);
    const values = Array.from({ length: CALLERS }, () => stage.address());
    const { lost, won } = await race(CALLERS, (index) => start(stage.at(index), who, 'email', values[index] ?? ''));
    assert.deepEqual([won.length, tally(lost)], [1, { rate_limited: 49 }]);
    const sent: string[] = [];
    // One after the other: each of them empties the outbox first.
    for (const value of values) sent.push(...(await stage.codesTo(value)));
    assert.equal(sent.length, 1);
  });

  it('one confirms a new account', async () => {
    const stage = await openTwo(open);
    const identifier = stage.address();
    const caller = stage.caller();
    await stage
      .at(0)
      .register({ contract: 'device', email: identifier, name: null, password: PASSWORD, proof: 'code', caller });
    const code = await codeFor(stage, identifier);
    const { lost, won } = await race(CALLERS, (index) =>
      stage.at(index).confirmIdentifier({ contract: 'device', identifier, code, caller: stage.caller() }),
    );
    // What finds nothing to confirm any more is counted like a wrong one: ten an hour an identifier.
    const { code_wrong: wrong = 0, rate_limited: limited = 0 } = tally(lost);
    assert.deepEqual([won.length, wrong + limited], [1, 49], JSON.stringify(tally(lost)));
    assert.equal(won[0]?.emailVerifiedAt, stage.clock.now());
  });

  it('five wrong codes are compared for a new account, and the right one is dead', async () => {
    const stage = await openTwo(open);
    const identifier = stage.address();
    const caller = stage.caller();
    await stage
      .at(0)
      .register({ contract: 'device', email: identifier, name: null, password: PASSWORD, proof: 'code', caller });
    const code = await codeFor(stage, identifier);
    const wrong = wrongFrom(code, 10);
    const { lost } = await race(5, (index) =>
      stage
        .at(index)
        .confirmIdentifier({ contract: 'device', identifier, code: wrong[index] ?? '', caller: stage.caller() }),
    );
    assert.deepEqual(tally(lost), { code_wrong: 5 });
    const right = stage.identity.confirmIdentifier({ contract: 'device', identifier, code, caller });
    await assert.rejects(right, codeWrong);
  });
});

onEachDatabase('a reset by code, of many who come at once', (open) => {
  const contract = 'device';
  const passwords = Array.from({ length: CALLERS }, (_, index) => `copper lantern quarry ${index}`);

  async function asked() {
    const stage = await openTwo(open);
    const who = await stage.reachable();
    const identifier = who.email;
    const start = { contract, identifier, caller: stage.caller() } as const;
    const { challenge } = await stage.identity.startPasswordResetByCode(start);
    const code = await codeFor(stage, who.email);
    const reset = (identity: Identity, text: string, password: string) =>
      identity.finishPasswordResetByCode({
        ...{ contract, identifier, challenge, password, caller: stage.caller() },
        code: text,
      });
    return { stage, who, code, reset };
  }

  it('one sets the password, and it is theirs', async () => {
    const { code, reset, stage, who } = await asked();
    await stage.signIn(who.email);
    const { lost, won } = await race(CALLERS, async (index) => {
      const password = passwords[index] ?? '';
      await reset(stage.at(index), code, password);
      return password;
    });
    assert.equal(won.length, 1);
    assert.deepEqual(
      Object.keys(tally(lost)).filter((refusal) => !['code_wrong', 'overloaded'].includes(refusal)),
      [],
    );
    assert.deepEqual(
      await stage.handle.read.selectFrom('session').select('id').where('account_id', '=', who.id).execute(),
      [],
    );
    await stage.signIn(who.email, { password: won[0] ?? '' });
    await assert.rejects(stage.trySignIn(who.email), { code: 'invalid_credentials' });
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });

  it('two hundred wrong codes are three tries, and the right one is dead', async () => {
    const { code, reset, stage, who } = await asked();
    const wrong = wrongFrom(code, 200);
    const { lost, won } = await race(wrong.length, (index) =>
      reset(stage.at(index), wrong[index] ?? '', 'granite otter parade'),
    );
    assert.equal(won.length, 0);
    assert.deepEqual(
      Object.keys(tally(lost)).filter((refusal) => !['code_wrong', 'overloaded'].includes(refusal)),
      [],
    );
    const [row] = await stage.world.store.deliveredCodes.list(who.id, 'password_reset');
    assert.equal(row?.tries, 3);
    await assert.rejects(reset(stage.identity, code, 'granite otter parade'), codeWrong);
    await stage.signIn(who.email);
  });
});
