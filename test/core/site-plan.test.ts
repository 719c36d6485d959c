import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Role, RoleId } from '../../src/core/role.ts';
import type { Site, SiteId } from '../../src/core/site.ts';
import { planChanges, type Wanted } from '../../src/core/site-plan.ts';
import { onEachDatabase, race, type Stage } from '../support/stage.ts';
import { secondServer } from '../support/two-servers.ts';

const site = (id: number, name: string, isHeadquarters = false): Site => ({ id: id as SiteId, name, isHeadquarters });
const role = (name: string, siteId: number | null, level: number, permissions: string[]): Role => ({
  id: 1 as RoleId,
  name,
  level,
  siteId: siteId as SiteId | null,
  permissions,
});
const nothing = { sites: [], permissions: [], roles: [] };

describe('a plan', () => {
  it('has a step for all that is new, sites and permissions before the roles that need them', () => {
    const wanted: Wanted = {
      sites: [{ name: 'Paris', isHeadquarters: true }, { name: 'Lyon' }],
      permissions: ['b.view'],
      roles: [
        { name: 'editor', permissions: ['c.view', 'b.view'] },
        { name: 'editor', site: 'Lyon', level: 5, permissions: ['a.view'] },
      ],
    };
    assert.deepEqual(planChanges(wanted, nothing), {
      outcome: 'planned',
      changes: [
        { change: 'create_site', name: 'Paris', isHeadquarters: true },
        { change: 'create_site', name: 'Lyon', isHeadquarters: false },
        { change: 'create_permission', name: 'a.view' },
        { change: 'create_permission', name: 'b.view' },
        { change: 'create_permission', name: 'c.view' },
        { change: 'create_role', name: 'editor', site: null, level: 0, permissions: ['b.view', 'c.view'] },
        { change: 'create_role', name: 'editor', site: 'Lyon', level: 5, permissions: ['a.view'] },
      ],
    });
  });

  it('changes what differs, leaves what is not said, and deletes nothing else', () => {
    const present = {
      sites: [site(1, 'Paris', true), site(2, 'Lyon'), site(3, 'Brest')],
      permissions: ['a.view', 'b.view', 'old.view'],
      roles: [
        role('editor', null, 4, ['a.view', 'b.view']),
        role('editor', 2, 5, ['a.view']),
        role('other', null, 1, ['old.view']),
        role('kept', null, 9, ['a.view']),
      ],
    };
    const wanted: Wanted = {
      sites: [{ name: 'Paris' }, { name: 'Lyon', isHeadquarters: true }],
      permissions: [],
      roles: [
        { name: 'editor', permissions: ['b.view', 'c.view'] },
        { name: 'editor', site: 'Lyon', level: 6, permissions: ['a.view'] },
        { name: 'kept', permissions: ['a.view'] },
      ],
    };
    assert.deepEqual(planChanges(wanted, present), {
      outcome: 'planned',
      changes: [
        { change: 'set_site', id: 2, name: 'Lyon', isHeadquarters: true },
        { change: 'create_permission', name: 'c.view' },
        {
          ...{ change: 'set_role', name: 'editor', site: null, level: 4, levelBefore: 4 },
          ...{ added: ['c.view'], removed: ['a.view'] },
        },
        { change: 'set_role', name: 'editor', site: 'Lyon', level: 6, levelBefore: 5, added: [], removed: [] },
      ],
    });
  });

  it('is not made where a name stands for several sites, or for none', () => {
    const present = { ...nothing, sites: [site(3, 'Paris'), site(4, 'Lyon'), site(9, 'Paris')] };
    const ofParis = { ...nothing, roles: [{ name: 'editor', site: 'Paris', permissions: [] }] };
    const ambiguous = { outcome: 'ambiguous_site', name: 'Paris', ids: [3, 9] };
    assert.deepEqual(planChanges({ ...nothing, sites: [{ name: 'Paris' }] }, present), ambiguous);
    assert.deepEqual(planChanges(ofParis, present), ambiguous);
    assert.deepEqual(planChanges(ofParis, nothing), { outcome: 'unknown_site', name: 'Paris', role: 'editor' });
    assert.deepEqual(planChanges({ ...nothing, sites: [{ name: 'Lyon' }] }, present), {
      outcome: 'planned',
      changes: [],
    });
  });
});

/** Names that no other test has. */
function wantedBy(stage: Stage): Wanted {
  const tag = stage.address('x').replace(/\W/g, '');
  return {
    sites: [{ name: `Paris ${tag}`, isHeadquarters: true }],
    permissions: [`${tag}.view`],
    roles: [
      { name: `${tag} editor`, level: 5, permissions: [`${tag}.view`, `${tag}.edit`] },
      { name: `${tag} keeper`, site: `Paris ${tag}`, permissions: [`${tag}.open`] },
    ],
  };
}

async function planned({ identity }: Stage, wanted: Wanted) {
  const plan = await identity.planSites(wanted);
  return plan.outcome === 'planned' ? plan.changes : assert.fail(plan.outcome);
}

onEachDatabase('what was planned', (open) => {
  it('is done, and then there is nothing left to do', async () => {
    const stage = await open();
    const wanted = wantedBy(stage);
    const changes = await planned(stage, wanted);
    assert.equal(changes.length, 6);
    assert.equal(await stage.identity.applySites({ wanted, changes }), true);
    assert.deepEqual(await planned(stage, wanted), []);
    const made = (await stage.identity.listSites()).find(({ name }) => name === wanted.sites[0]?.name);
    const keeper = (await stage.identity.listRoles()).find(({ name }) => name === wanted.roles[1]?.name);
    assert.deepEqual([made?.isHeadquarters, keeper?.siteId, keeper?.level], [true, made?.id, 0]);
    assert.deepEqual(keeper?.permissions, wanted.roles[1]?.permissions);

    const [editor] = wanted.roles;
    assert.ok(editor);
    const less: Wanted = { ...wanted, roles: [{ name: editor.name, permissions: [] }] };
    await stage.identity.applySites({ wanted: less, changes: await planned(stage, less) });
    const now = (await stage.identity.listRoles()).find(({ name }) => name === editor.name);
    assert.deepEqual([now?.level, now?.permissions], [5, []]);
  });

  it('is not done, not even in part, where something changed meanwhile', async () => {
    const stage = await open();
    const elsewhere = await secondServer(stage);
    const wanted = wantedBy(stage);
    const changes = await planned(stage, wanted);
    const name = wanted.permissions[0] ?? '';
    await elsewhere.identity.createPermission({ name });
    assert.equal(await stage.identity.applySites({ wanted, changes }), false);
    const sites = await stage.identity.listSites();
    assert.equal(
      sites.some((each) => each.name === wanted.sites[0]?.name),
      false,
    );
    assert.equal(await stage.identity.applySites({ wanted, changes: await planned(stage, wanted) }), true);
  });

  it('is done once by twenty who planned the same', async () => {
    const stage = await open();
    const elsewhere = await secondServer(stage);
    const wanted = wantedBy(stage);
    const changes = await planned(stage, wanted);
    const { lost, won } = await race(20, (index) =>
      (index % 2 ? stage : elsewhere).identity.applySites({ wanted, changes }),
    );
    assert.deepEqual([lost, won.filter(Boolean).length], [[], 1]);
    assert.deepEqual(await planned(stage, wanted), []);
  });
});
