import assert from 'node:assert/strict';
import { it } from 'node:test';
import { onEachDatabase, race, type Stage } from '../support/stage.ts';
import { secondServer } from '../support/two-servers.ts';
import { siteIn } from './with-sites.ts';

/** Somebody signed in who is a member of three sites. */
async function memberIn(stage: Stage) {
  const person = await stage.person();
  const sites = [await siteIn(stage, 'Paris'), await siteIn(stage, 'Lyon'), await siteIn(stage, 'Brest')] as const;
  for (const { id } of sites) await stage.identity.joinSite({ uuid: person.uuid, siteId: id });
  const signedIn = await stage.signIn(person.email);
  const live = await stage.live(signedIn);
  const choose = (siteId: number) => stage.identity.chooseSite({ live, siteId, caller: stage.caller() });
  return { choose, live, person, signedIn, sites };
}

onEachDatabase('the site that a session is at', (open) => {
  it('is the lowest of the account’s until one is chosen, which the account keeps as its default', async () => {
    const stage = await open();
    const { choose, live, person, signedIn, sites } = await memberIn(stage);
    assert.deepEqual((await stage.identity.rightsOf(live)).site, sites[0]);
    const chosen = await choose(sites[2].id);
    const read = await stage.live(signedIn);
    assert.deepEqual(chosen, read);
    assert.deepEqual([read.session.siteId, read.account.defaultSiteId], [sites[2].id, sites[2].id]);
    assert.deepEqual((await stage.identity.rightsOf(read)).site, sites[2]);
    assert.equal(read.account.epoch, person.epoch);
  });

  it('is seen in the very next look, also one that may be answered from a copy', async () => {
    const stage = await open();
    const { choose, signedIn, sites } = await memberIn(stage);
    const look = () =>
      stage.identity.checkSession({ contract: 'cookie', accessToken: signedIn.accessToken, changes: false });
    for (const { id } of [sites[1], sites[2], sites[0]]) {
      await look();
      await choose(id);
      assert.equal((await look()).session.siteId, id);
    }
  });

  it('is a choice of one session: another one of the account stays where it is', async () => {
    const stage = await open();
    const { choose, person, sites } = await memberIn(stage);
    await choose(sites[1].id);
    const other = await stage.live(await stage.signIn(person.email));
    const caller = stage.caller();
    await stage.identity.chooseSite({ live: other, siteId: sites[0].id, caller });
    await choose(sites[2].id);
    const again = (await stage.world.store.sessions.find(other.session.id)) ?? assert.fail();
    assert.equal(again.session.siteId, sites[0].id);
    assert.equal(again.account.defaultSiteId, sites[2].id);
  });

  it('is none that is not there, nor one of others, and nothing changes (R124)', async () => {
    const stage = await open();
    const { choose, signedIn, sites } = await memberIn(stage);
    await choose(sites[1].id);
    const before = await stage.live(signedIn);
    const others = await siteIn(stage, 'Elsewhere');
    const strange = [others.id, 0, -1, -others.id, others.id + 1000, 2 ** 31, -(2 ** 31) - 1, 2 ** 32 + sites[0].id];
    const absurd = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 63, 1e300, 0.5, Number.NaN, Infinity];
    for (const id of [...strange, ...absurd]) assert.equal(await choose(id), undefined, String(id));
    assert.deepEqual(await stage.live(signedIn), before);
  });

  it('falls back when it is deleted or left, and the choice of a left one is refused', async () => {
    const stage = await open();
    const { choose, person, signedIn, sites } = await memberIn(stage);
    await choose(sites[2].id);
    await stage.identity.deleteSite({ siteId: sites[2].id });
    const live = await stage.live(signedIn);
    assert.deepEqual([live.session.siteId, live.account.defaultSiteId], [null, null]);
    assert.deepEqual((await stage.identity.rightsOf(live)).site, sites[0]);
    assert.equal(await choose(sites[2].id), undefined);
    await stage.identity.leaveSite({ uuid: person.uuid, siteId: sites[0].id });
    assert.deepEqual((await stage.identity.rightsOf(live)).site, sites[1]);
    assert.equal(await choose(sites[0].id), undefined);
  });

  it('is nobody’s to choose whose session is over, and sixty times an hour at most', async () => {
    const stage = await open();
    const { choose, live, sites } = await memberIn(stage);
    for (let time = 0; time < 60; time += 1) assert.ok(await choose(sites[time % 2 === 0 ? 0 : 1].id));
    // One that changes nothing is not counted.
    assert.ok(await choose(sites[1].id));
    await assert.rejects(choose(sites[0].id), { code: 'rate_limited' });
    assert.equal(await choose(-1), undefined);
    stage.clock.advance({ minutes: 61 });
    assert.ok(await choose(sites[0].id));
    await stage.world.store.transaction(({ sessions }) => sessions.end(live.account.id, live.session.id));
    await assert.rejects(choose(sites[1].id), { code: 'session_ended' });
  });

  it('may be chosen while it is deleted, left or joined by others', async () => {
    const stage = await open();
    const elsewhere = await secondServer(stage);
    const { choose, person, signedIn, sites } = await memberIn(stage);
    const { uuid } = person;
    const { lost } = await race(24, (index): Promise<unknown> => {
      if (index === 12) return elsewhere.identity.deleteSite({ siteId: sites[2].id });
      if (index % 6 === 1) return elsewhere.identity.joinSite({ uuid, siteId: sites[1].id });
      if (index === 8) return elsewhere.identity.leaveSite({ uuid, siteId: sites[1].id });
      return choose(sites[index % 3]?.id ?? 0);
    });
    assert.deepEqual(lost, []);
    assert.notEqual((await stage.live(signedIn)).session.siteId, sites[2].id);
  });
});

onEachDatabase('the language of an account', (open) => {
  it('is what it chose last; the record tells, and nothing issued dies', async () => {
    const stage = await open();
    const { live, person, signedIn } = await memberIn(stage);
    const choose = (locale: 'en' | 'fr') => stage.identity.chooseLocale({ live, locale, caller: stage.caller() });
    const changed = await choose('fr');
    const read = await stage.live(signedIn);
    assert.deepEqual(changed, read.account);
    assert.deepEqual([read.account.locale, read.account.epoch], ['fr', person.epoch]);
    await choose('fr');
    const kinds = (await stage.recorded(person.uuid)).filter((kind) => kind === 'account.profile_changed');
    assert.equal(kinds.length, 1);
  });
});
