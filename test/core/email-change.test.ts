import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { AccountId } from '../../src/core/account.ts';
import { createIdentity, type Identity } from '../../src/core/identity.ts';
import { onEachDatabase, race, type Stage, tally } from '../support/stage.ts';
import { twoServers } from '../support/two-servers.ts';

const CALLERS = 50;

async function member(stage: Stage) {
  const person = await stage.person();
  const caller = stage.caller();
  return { ...person, caller, live: await stage.live(await stage.signIn(person.email, { caller })) };
}
type Member = Awaited<ReturnType<typeof member>>;

const start = (identity: Identity, { caller, live }: Member, email: string) =>
  identity.startEmailChange({ live, email, caller });
const finish = (stage: Stage, token: string, identity = stage.identity) =>
  identity.finishEmailChange({ token, contract: 'page', caller: stage.caller() });
const emailOf = async (stage: Stage, id: AccountId) => (await stage.world.store.accounts.find(id))?.email;
/** Newest first. */
async function tokensTo(stage: Stage, email: string): Promise<string[]> {
  const links = (await stage.mails(email)).flatMap((mail) => mail.links).map((link) => new URL(link));
  const ours = links.filter(({ pathname }) => pathname === '/change-email');
  return ours.map(({ searchParams }) => searchParams.get('token') ?? '');
}
const tokenTo = async (stage: Stage, email: string) =>
  (await tokensTo(stage, email))[0] ?? assert.fail(`none to ${email}`);
/** The same server without the limits of what is sent. */
const hasty = (stage: Stage): Identity =>
  createIdentity({ ...stage.world, policy: { ...stage.world.policy, rateLimits: false } });

onEachDatabase('the change of an e-mail address by a link', (open) => {
  it('is looked at without consequence, and made once', async () => {
    const stage = await open();
    const who = await member(stage);
    const fresh = stage.address('new');
    await start(stage.identity, who, fresh);
    const token = await tokenTo(stage, fresh);
    for (let count = 0; count < 3; count += 1) {
      assert.deepEqual(await stage.identity.lookAtEmailChange({ token }), { email: fresh });
    }
    assert.equal(await emailOf(stage, who.id), who.email);
    await finish(stage, token);
    assert.equal(await emailOf(stage, who.id), fresh);
    await assert.rejects(finish(stage, token), { code: 'token_invalid' });
    await assert.rejects(stage.identity.lookAtEmailChange({ token }), { code: 'token_invalid' });
  });

  it('R055: is made by one of fifty who come at once', async () => {
    const stage = await twoServers(await open());
    const who = await member(stage);
    const fresh = stage.address('new');
    await start(stage.identity, who, fresh);
    const token = await tokenTo(stage, fresh);
    const { lost, won } = await race(CALLERS, (index) => finish(stage, token, stage.at(index)));
    assert.deepEqual([won.length, tally(lost)], [1, { token_invalid: 49 }]);
    assert.equal(await emailOf(stage, who.id), fresh);
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });

  it('R115: of a hundred asked for at once makes the address that the link was mailed to', async () => {
    const stage = await twoServers(await open());
    const who = await member(stage);
    const [own, victims] = [stage.address('own'), stage.address('victim')];
    const identity = hasty(stage);
    const asked = await race(2 * CALLERS, (index) => start(identity, who, index % 2 ? own : victims));
    assert.equal(asked.won.length, 2 * CALLERS, String(asked.lost));
    // Whoever asks has the links that went to their own and none of the others.
    const tokens = await tokensTo(stage, own);
    assert.equal(tokens.length, CALLERS);
    const { won } = await race(tokens.length, (index) => finish(stage, tokens[index] ?? '', stage.at(index)));
    assert.ok(won.length <= 1);
    assert.equal(await emailOf(stage, who.id), won.length === 1 ? own : who.email);
    const addresses = stage.handle.read.selectFrom('identifier').select('value').where('account_id', '=', who.id);
    assert.ok((await addresses.execute()).every(({ value }) => value !== victims));
  });

  it('R115: makes no address whose request overtakes the confirmation of another', async () => {
    const stage = await twoServers(await open());
    const who = await member(stage);
    const [own, victims] = [stage.address('own'), stage.address('victim')];
    await start(stage.identity, who, own);
    const token = await tokenTo(stage, own);
    const identity = hasty(stage);
    const { won } = await race(CALLERS, async (index) => {
      if (index % 5 === 2) {
        await finish(stage, token, stage.at(index));
        return 'confirmed';
      }
      await start(identity, who, victims);
      return 'asked';
    });
    const confirmed = won.filter((what) => what === 'confirmed').length;
    assert.ok(confirmed <= 1);
    assert.equal(await emailOf(stage, who.id), confirmed === 1 ? own : who.email);
  });

  it('R116: gives one of two accounts the address that both confirm at once; the other’s link stays', async () => {
    const stage = await twoServers(await open());
    const people = [await member(stage), await member(stage)];
    const fresh = stage.address('wanted');
    const tokens: string[] = [];
    for (const who of people) {
      await start(stage.identity, who, fresh);
      tokens.push(await tokenTo(stage, fresh));
      stage.clock.advance({ seconds: 1 });
    }
    const { lost, won } = await race(2, (index) => finish(stage, tokens[index] ?? '', stage.at(index)));
    assert.deepEqual([won.length, lost], [1, ['identifier_taken']]);
    const emails = await Promise.all(people.map(({ id }) => emailOf(stage, id)));
    assert.equal(emails.filter((email) => email === fresh).length, 1);
    const loser = emails.findIndex((email) => email !== fresh);
    assert.equal(emails[loser], people[loser]?.email);
    await assert.rejects(finish(stage, tokens[loser] ?? ''), { code: 'identifier_taken' });
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });

  it('R116: and one that registers at the same time: one of the two has it', async () => {
    const stage = await twoServers(await open());
    const who = await member(stage);
    const fresh = stage.address('wanted');
    await start(stage.identity, who, fresh);
    const token = await tokenTo(stage, fresh);
    const { lost, won } = await race(2, async (index) => {
      if (index === 0) return finish(stage, token, stage.at(0));
      await stage.at(1).register({
        contract: 'bearer',
        email: fresh,
        name: null,
        password: 'copper lantern quarry',
        caller: stage.caller(),
      });
      return undefined;
    });
    assert.deepEqual([won.length, lost], [1, ['identifier_taken']]);
    const holders = stage.handle.read.selectFrom('identifier').select('account_id').where('value', '=', fresh);
    assert.equal((await holders.execute()).length, 1);
  });

  it('dies with a moved epoch, and moves it', async () => {
    const stage = await open();
    const who = await member(stage);
    const [first, second] = [stage.address('new'), stage.address('new')];
    await start(stage.identity, who, first);
    const dead = await tokenTo(stage, first);
    await stage.identity.endOtherSessions({ live: who.live, caller: who.caller });
    await assert.rejects(finish(stage, dead), { code: 'token_invalid' });
    const live = { ...who, live: await stage.live(await stage.signIn(who.email)) };
    await start(stage.identity, live, second);
    const { epoch } = await stage.identity.findAccount({ name: who.email });
    await finish(stage, await tokenTo(stage, second));
    const after = await stage.identity.findAccount({ name: second });
    assert.ok(after.epoch > epoch);
    assert.equal(after.id, who.id);
  });

  it('is made for nobody whom an operator has locked', async () => {
    const stage = await open();
    const who = await member(stage);
    const fresh = stage.address('new');
    await start(stage.identity, who, fresh);
    const token = await tokenTo(stage, fresh);
    await stage.identity.lockAccount({ uuid: who.uuid });
    await assert.rejects(finish(stage, token), { code: 'token_invalid' });
  });

  it('R119: is told at the old address and the new one, and recorded', async () => {
    const stage = await open();
    const who = await member(stage);
    const fresh = stage.address('new');
    await start(stage.identity, who, fresh);
    await finish(stage, await tokenTo(stage, fresh));
    for (const to of [who.email, fresh]) {
      const notices = (await stage.mails(to)).filter(({ subject }) => subject === 'Your e-mail address was changed');
      assert.equal(notices.length, 1, to);
      assert.deepEqual([notices[0]?.links, notices[0]?.code], [[], null]);
    }
    assert.equal((await stage.recorded(who.uuid)).at(-1), 'email.changed');
  });

  it('mails one address five times an hour, whoever asks, and says nothing of it', async () => {
    const stage = await open();
    const fresh = stage.address('pestered');
    for (let count = 0; count < 7; count += 1) {
      await start(stage.identity, await member(stage), fresh);
      stage.clock.advance({ seconds: 1 });
    }
    assert.equal((await tokensTo(stage, fresh)).length, 5);
  });
});
