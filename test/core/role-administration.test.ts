import assert from 'node:assert/strict';
import { it } from 'node:test';
import { onEachDatabase, race, type Stage } from '../support/stage.ts';
import { secondServer } from '../support/two-servers.ts';
import { rightsIn, siteIn } from './with-sites.ts';

const NOBODY = '00000000-0000-4000-8000-000000000000';

/** What was recorded since the mark, oldest first: kind, facts, and whether it names an account. */
async function recordedSince({ world }: Stage, mark: number) {
  const events = await world.store.audit.list({ limit: 1000 });
  return events
    .filter(({ id }) => id > mark)
    .reverse()
    .map(({ contract, facts, kind, accountUuid }) => ({ kind, contract, facts, accountUuid }));
}
const markOf = async ({ world }: Stage) => (await world.store.audit.list({ limit: 1 }))[0]?.id ?? 0;

onEachDatabase('sites in an operator’s hands', (open) => {
  it('are made, changed and deleted, and the record tells what was before', async () => {
    const stage = await open();
    const { identity } = stage;
    const mark = await markOf(stage);
    const site = await identity.createSite({ name: '  Gui\u0063het Paris ', isHeadquarters: true });
    assert.deepEqual(site, { id: site.id, name: 'Guichet Paris', isHeadquarters: true });
    const siteId = site.id;
    assert.equal((await identity.changeSite({ siteId, name: 'Paris' })).name, 'Paris');
    await identity.changeSite({ siteId, name: 'Paris', isHeadquarters: true });
    await identity.changeSite({ siteId, isHeadquarters: false });
    assert.deepEqual(
      (await identity.listSites()).find(({ id }) => id === siteId),
      { id: siteId, name: 'Paris', isHeadquarters: false },
    );
    await identity.deleteSite({ siteId });
    const [created, renamed, changed, deleted, ...more] = await recordedSince(stage, mark);
    const by = { contract: 'operator', accountUuid: null };
    assert.deepEqual(created, {
      kind: 'site.created',
      ...by,
      facts: { siteId, name: 'Guichet Paris', isHeadquarters: true },
    });
    assert.deepEqual(
      [renamed?.kind, renamed?.facts['nameBefore'], renamed?.facts['name']],
      ['site.changed', 'Guichet Paris', 'Paris'],
    );
    assert.deepEqual([changed?.facts['isHeadquartersBefore'], changed?.facts['isHeadquarters']], [true, false]);
    assert.deepEqual([deleted?.kind, more], ['site.deleted', []]);
  });

  it('are joined and left once each, whoever else joins at the same time', async () => {
    const stage = await open();
    const { uuid } = await stage.person();
    const { id: siteId } = await siteIn(stage, 'Paris');
    const elsewhere = await secondServer(stage);
    const joined = await race(20, (index) =>
      (index % 2 ? stage : elsewhere).identity.joinSite({ uuid, siteId }).then(({ isNew }) => isNew),
    );
    assert.deepEqual([joined.lost, joined.won.filter(Boolean).length], [[], 1]);
    const left = await race(20, (index) => (index % 2 ? stage : elsewhere).identity.leaveSite({ uuid, siteId }));
    assert.deepEqual([left.won.length, new Set(left.lost)], [1, new Set(['not_found'])]);
    const kinds = (await stage.recorded(uuid)).filter((kind) => kind.startsWith('site.'));
    assert.deepEqual(kinds, ['site.joined', 'site.left']);
  });
});

onEachDatabase('roles in an operator’s hands', (open) => {
  it('have a name of their own at each site, a level and permissions, set exactly', async () => {
    const stage = await open();
    const { identity } = stage;
    const site = await siteIn(stage, 'Paris');
    const name = 'Chef d’équipe';
    const one = await identity.createRole({
      name,
      siteId: null,
      level: 7,
      permissions: ['b.view', 'a.view', 'b.view'],
    });
    assert.deepEqual(one, { id: one?.id, name, level: 7, siteId: null, permissions: ['a.view', 'b.view'] });
    const own = await identity.createRole({ name, siteId: site.id, permissions: [] });
    assert.equal(own?.siteId, site.id);
    // One name, in whatever form its letters came.
    assert.equal(await identity.createRole({ name: name.normalize('NFD'), siteId: null, permissions: [] }), undefined);

    const mark = await markOf(stage);
    const changed = await identity.changeRole({ name, siteId: null, level: 8, permissions: ['b.view', 'c.view'] });
    assert.deepEqual([changed.level, changed.permissions], [8, ['b.view', 'c.view']]);
    await identity.changeRole({ name, siteId: null, level: 8 });
    const listed = (await identity.listRoles()).filter((role) => role.name === name);
    assert.deepEqual(listed, [changed, own]);
    assert.deepEqual(
      (await recordedSince(stage, mark)).map(({ facts, kind }) => [kind, facts]),
      [
        ['permission.created', { permission: 'c.view' }],
        [
          'role.changed',
          { roleId: changed.id, role: name, level: 8, levelBefore: 7, added: 'c.view', removed: 'a.view' },
        ],
      ],
    );
    await identity.deleteRole({ name, siteId: site.id });
    await assert.rejects(identity.changeRole({ name, siteId: site.id, level: 1 }), { code: 'not_found' });
    await identity.changeRole({ name, siteId: null, permissions: [] });
  });

  it('are given at a site, of which the account becomes a member; what is new is made', async () => {
    const stage = await open();
    const person = await stage.person();
    const site = await siteIn(stage, 'Paris');
    const mark = await markOf(stage);
    const given = { uuid: person.uuid, role: 'granted-1', siteId: site.id, permissions: ['granted1.view'] };
    const { isNew, role } = await stage.identity.grantRole(given);
    assert.deepEqual([isNew, role.siteId, role.permissions], [true, null, ['granted1.view']]);
    const again = await stage.identity.grantRole({ ...given, permissions: ['granted1.edit'] });
    assert.deepEqual([again.isNew, again.role.permissions], [false, ['granted1.edit', 'granted1.view']]);
    assert.deepEqual((await rightsIn(stage, person)).permissions, ['granted1.edit', 'granted1.view']);
    const events = (await recordedSince(stage, mark)).filter(({ kind }) => !kind.startsWith('sign_in'));
    assert.deepEqual(
      events.map(({ accountUuid, kind }) => [kind, accountUuid]),
      [
        ['permission.created', null],
        ['role.created', null],
        ['site.joined', person.uuid],
        ['role.granted', person.uuid],
        ['permission.created', null],
        ['role.changed', null],
      ],
    );
    assert.deepEqual(events[3]?.facts, { roleId: role.id, role: 'granted-1', siteId: site.id });
  });

  it('are those of the very site before those of all sites; one that is taken takes both', async () => {
    const stage = await open();
    const { identity } = stage;
    const person = await stage.person();
    const [paris, lyon] = [await siteIn(stage, 'Paris'), await siteIn(stage, 'Lyon')];
    const [name, { uuid }] = ['keeper-2', person];
    const give = (siteId: number | null) => identity.grantRole({ uuid, role: name, siteId, permissions: [] });
    const all = (await give(paris.id)).role;
    const own = (await identity.createRole({ name, siteId: paris.id, permissions: [] })) ?? assert.fail();
    assert.equal((await give(paris.id)).role.id, own.id);
    assert.equal((await give(lyon.id)).role.id, all.id);
    assert.equal((await give(null)).role.id, all.id);
    const revoke = (siteId: number | null) => identity.revokeRole({ uuid, role: name, siteId });
    const first = await revoke(paris.id);
    assert.deepEqual([first.roles.map(({ id }) => id), first.remains], [[own.id, all.id], true]);
    assert.deepEqual((await rightsIn(stage, person)).roles, [name]);
    assert.equal((await revoke(null)).remains, true);
    assert.equal((await revoke(lyon.id)).remains, false);
    for (const place of [paris.id, lyon.id, null]) await assert.rejects(revoke(place), { code: 'not_found' });
    assert.deepEqual((await rightsIn(stage, person)).sites.length, 2);
  });

  it('are given once, and made once, by twenty at a time on two servers', async () => {
    const stage = await open();
    const elsewhere = await secondServer(stage);
    const [one, other] = [await stage.person(), await stage.person()];
    const { id: siteId } = await siteIn(stage, 'Paris');
    const { won, lost } = await race(20, (index) => {
      const { uuid } = index % 2 ? one : other;
      const permissions = ['raced.view', `raced.view${index % 3}`];
      const { identity } = index % 4 < 2 ? stage : elsewhere;
      return identity.grantRole({ uuid, role: 'raced', siteId, permissions });
    });
    assert.deepEqual(lost, []);
    assert.equal(won.filter(({ isNew }) => isNew).length, 2);
    assert.equal(new Set(won.map(({ role }) => role.id)).size, 1);
    const wanted = ['raced.view', 'raced.view0', 'raced.view1', 'raced.view2'];
    for (const person of [one, other]) assert.deepEqual((await rightsIn(stage, person)).permissions, wanted);
    const direct = await race(20, (index) =>
      (index % 2 ? stage : elsewhere).identity.grantPermission({ uuid: one.uuid, permission: 'raced.print', siteId }),
    );
    assert.deepEqual([direct.lost, direct.won.filter(({ isNew }) => isNew).length], [[], 1]);
  });

  it('may be given while they, their site or the account are deleted: all of it happens, or nothing', async () => {
    const stage = await open();
    const elsewhere = await secondServer(stage);
    for (let round = 0; round < 3; round += 1) {
      const { uuid, id } = await stage.person();
      const { id: siteId } = await siteIn(stage, 'Paris');
      const role = `fleeting-${round}`;
      await stage.identity.grantRole({ uuid, role, siteId, permissions: ['fleeting.view'] });
      const { lost } = await race(16, (index): Promise<unknown> => {
        const { identity } = index % 2 ? stage : elsewhere;
        if (index === 5) return identity.deleteRole({ name: role, siteId: null });
        if (index === 6) return identity.deletePermission({ name: 'fleeting.view' });
        if (index === 10) return identity.deleteSite({ siteId });
        if (index === 13) return identity.deleteAccount({ uuid });
        return identity.grantRole({ uuid, role, siteId, permissions: ['fleeting.view'] });
      });
      assert.deepEqual(
        lost.filter((code) => code !== 'not_found'),
        [],
      );
      assert.deepEqual(await stage.world.store.roles.listHeld(id), []);
    }
  });
});

onEachDatabase('rights', (open) => {
  it('are given to no account that has proven nothing, and may be taken from it (rule 10)', async () => {
    const stage = await open();
    const { identity } = stage;
    const { uuid, id } = await stage.person({ verified: false });
    const { id: siteId } = await siteIn(stage, 'Paris');
    const mark = await markOf(stage);
    for (const attempt of [
      () => identity.joinSite({ uuid, siteId }),
      () => identity.grantRole({ uuid, role: 'unproven', siteId, permissions: ['unproven.view'] }),
      () => identity.grantRole({ uuid, role: 'unproven', siteId: null, permissions: [] }),
      () => identity.grantPermission({ uuid, permission: 'unproven.view', siteId }),
    ]) {
      await assert.rejects(attempt(), { code: 'identifier_unproven' });
    }
    assert.deepEqual(await recordedSince(stage, mark), []);
    assert.equal((await identity.listPermissions()).includes('unproven.view'), false);
    await stage.world.store.transaction(({ sites }) => sites.join(siteId, id, stage.clock.now()));
    await identity.leaveSite({ uuid, siteId });
  });

  it('bear names that mislead nobody, and none like Guichet’s own (rule 10)', async () => {
    const stage = await open();
    const { identity } = stage;
    const { uuid } = await stage.person();
    const { id: siteId } = await siteIn(stage, 'Paris');
    const bad = ['', ' \t', 'a\nb', 'a\u0000', 'a\u202eb', 'a\u200bb', '\u3164', '\ud800', 'é'.repeat(101), 'a\u2028b'];
    for (const name of bad) {
      const said = JSON.stringify(name);
      const refused = { code: 'input_rejected', facts: { fields: { siteName: 'malformed' } } };
      await assert.rejects(identity.createSite({ name, isHeadquarters: false }), refused, said);
      await assert.rejects(identity.changeSite({ siteId, name }), refused, said);
    }
    await identity.changeSite({ siteId, name: '𝒫'.repeat(100) });
    const guichets = [
      'guichet',
      'Guichet-Admin',
      ' GUICHET:owner',
      'ｇｕｉｃｈｅｔ',
      '𝐆uichet',
      'gu\u0131chet',
      'GU\u0130CHET',
      'gui\u0301chet',
      'g\ufe0fuichet',
      'g\u034fuichet',
      'ⓖuichet',
    ];
    const role = { code: 'input_rejected', facts: { fields: { roleName: 'malformed' } } };
    for (const name of [...bad, ...guichets]) {
      const said = JSON.stringify(name);
      await assert.rejects(identity.createRole({ name, siteId: null, permissions: [] }), role, said);
      const grant = { uuid, role: name, siteId, permissions: [] };
      await assert.rejects(identity.grantRole(grant), role, said);
    }
    await identity.createRole({ name: 'the guichet clerk', siteId: null, permissions: [] });
    const permission = { code: 'input_rejected', facts: { fields: { permission: 'malformed' } } };
    const long = (length: number) => `a.${'b'.repeat(length - 2)}`;
    const names = [
      '',
      'view',
      'a.',
      '.b',
      'a.b.c',
      'a b.c',
      '1a.b',
      'a.1b',
      'a.b-c',
      'é.b',
      'a.b\n',
      ' a.b',
      long(101),
    ];
    for (const name of names) {
      await assert.rejects(identity.createPermission({ name }), permission, name);
      const grant = { uuid, role: 'reader', siteId, permissions: ['a.b', name] };
      await assert.rejects(identity.grantRole(grant), permission, name);
      await assert.rejects(identity.grantPermission({ uuid, permission: name, siteId }), permission, name);
    }
    for (const name of ['calendarEvent.viewAny', 'item-movement.export', long(100)]) {
      assert.equal(await identity.createPermission({ name }), true);
      assert.equal(await identity.createPermission({ name }), false);
    }
    const level = { code: 'input_rejected', facts: { fields: { level: 'malformed' } } };
    for (const bad of [-1, 0.5, Number.NaN, 1_000_001, 2 ** 40]) {
      const input = { name: 'levelled', siteId: null, level: bad, permissions: [] };
      await assert.rejects(identity.createRole(input), level, String(bad));
    }
  });

  it('are not given where there is nothing of the kind', async () => {
    const stage = await open();
    const { identity } = stage;
    const { uuid } = await stage.person();
    const { id: siteId } = await siteIn(stage, 'Paris');
    const mark = await markOf(stage);
    const strange = [siteId + 1000, 0, -siteId, 2 ** 40, Number.MAX_SAFE_INTEGER, 1e300];
    for (const attempt of [
      ...strange.flatMap((id) => [
        () => identity.joinSite({ uuid, siteId: id }),
        () => identity.leaveSite({ uuid, siteId: id }),
        () => identity.deleteSite({ siteId: id }),
        () => identity.createRole({ name: 'lost', siteId: id, permissions: ['lost.view'] }),
        () => identity.grantRole({ uuid, role: 'lost', siteId: id, permissions: ['lost.view'] }),
        () => identity.grantPermission({ uuid, permission: 'lost.view', siteId: id }),
      ]),
      () => identity.joinSite({ uuid: NOBODY, siteId }),
      () => identity.grantRole({ uuid: NOBODY, role: 'lost', siteId, permissions: ['lost.view'] }),
      () => identity.revokeRole({ uuid, role: 'lost', siteId }),
      () => identity.deleteRole({ name: 'lost', siteId: null }),
      () => identity.deletePermission({ name: 'lost.view' }),
      () => identity.revokePermission({ uuid, permission: 'lost.view', siteId }),
      () => identity.leaveSite({ uuid, siteId }),
    ]) {
      await assert.rejects(attempt(), { code: 'not_found' });
    }
    assert.deepEqual(await recordedSince(stage, mark), []);
  });

  it('are given without a role at a site or everywhere, and taken where they were given', async () => {
    const stage = await open();
    const { identity } = stage;
    const person = await stage.person();
    const [{ uuid }, permission] = [person, 'direct.view'];
    const { id: siteId } = await siteIn(stage, 'Paris');
    await identity.grantPermission({ uuid, permission, siteId });
    await identity.grantPermission({ uuid, permission, siteId: null });
    await identity.revokePermission({ uuid, permission, siteId });
    await assert.rejects(identity.revokePermission({ uuid, permission, siteId }), { code: 'not_found' });
    assert.deepEqual((await rightsIn(stage, person)).permissions, [permission]);
    await identity.revokePermission({ uuid, permission, siteId: null });
    assert.deepEqual((await rightsIn(stage, person)).permissions, []);
    const kinds = (await stage.recorded(uuid)).filter((kind) => kind.startsWith('permission.'));
    assert.deepEqual(kinds, Array(2).fill('permission.granted').concat(Array(2).fill('permission.revoked')));
  });
});
