import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Account } from '../../src/core/account.ts';
import { cleanExpired } from '../../src/store/clean.ts';
import { onEachDatabase, type Stage } from '../support/stage.ts';
import { secondServer } from '../support/two-servers.ts';
import { rightsIn, siteIn } from './with-sites.ts';

const at = ({ id }: { id: number }) => ({ siteId: id });
const everywhere = { siteId: null };

/** Gives somebody a role. */
const give = (
  { identity }: Stage,
  { uuid }: Account,
  role: string,
  place: { siteId: number | null },
  ...permissions: string[]
) => identity.grantRole({ uuid, role, ...place, permissions });

onEachDatabase('what an account may do', (open) => {
  it('is nothing without a site, whatever it was given everywhere', async () => {
    const stage = await open();
    const person = await stage.person();
    await give(stage, person, 'editor', everywhere, 'page.view');
    await stage.identity.grantPermission({ uuid: person.uuid, permission: 'item.view', siteId: null });
    assert.deepEqual(await rightsIn(stage, person), { site: null, roles: [], permissions: [], sites: [] });
  });

  it('is what it was given at the site and everywhere, sorted and once', async () => {
    const stage = await open();
    const person = await stage.person();
    const { uuid } = person;
    const [paris, lyon] = [await siteIn(stage, 'Paris'), await siteIn(stage, 'Lyon')];
    await give(stage, person, 'writer', at(paris), 'page.update', 'page.view');
    await give(stage, person, 'auditor', everywhere, 'log.view', 'page.view');
    await give(stage, person, 'guest', at(lyon), 'lobby.view');
    for (const [permission, place] of [
      ['zone.view', at(paris)],
      ['page.view', at(paris)],
      ['item.view', everywhere],
      ['lobby.open', at(lyon)],
    ] as const) {
      await stage.identity.grantPermission({ uuid, permission, ...place });
    }

    assert.deepEqual(await rightsIn(stage, person), {
      site: paris,
      roles: ['auditor', 'writer'],
      permissions: ['item.view', 'log.view', 'page.update', 'page.view', 'zone.view'],
      sites: [
        { site: paris, roles: ['auditor', 'writer'], directPermissions: ['item.view', 'page.view', 'zone.view'] },
        { site: lyon, roles: ['auditor', 'guest'], directPermissions: ['item.view', 'lobby.open'] },
      ],
    });
  });

  it('has a site’s own role at that site only, even where it was granted everywhere', async () => {
    const stage = await open();
    const person = await stage.person();
    const { store } = stage.world;
    const [paris, lyon] = [await siteIn(stage, 'Paris'), await siteIn(stage, 'Lyon')];
    const name = 'keeper';
    await stage.identity.createRole({ name, siteId: lyon.id, permissions: ['gate.open'] });
    await stage.identity.createRole({ name, siteId: null, permissions: ['gate.view'] });
    await give(stage, person, name, at(paris));
    await give(stage, person, name, at(lyon));
    const { sites, permissions } = await rightsIn(stage, person);
    assert.deepEqual(permissions, ['gate.view']);
    assert.deepEqual(
      sites.map(({ roles }) => roles),
      [[name], [name]],
    );
    await stage.identity.deleteRole({ name, siteId: null });

    const own = (await store.roles.find(name, lyon.id)) ?? assert.fail();
    await store.transaction(({ roles }) => roles.grant(person.id, own.id, null, stage.clock.now()));
    const now = await rightsIn(stage, person);
    assert.deepEqual([now.site, now.roles, now.permissions], [paris, [], []]);
    assert.deepEqual(now.sites[1]?.roles, [name]);
    assert.deepEqual(await store.permissions.listByRoles(person.id, lyon.id), ['gate.open']);
  });

  it('is gone at the next look when a membership ends, also one that another server ends', async () => {
    const stage = await open();
    const person = await stage.person();
    const { uuid } = person;
    const [paris, lyon] = [await siteIn(stage, 'Paris'), await siteIn(stage, 'Lyon')];
    await give(stage, person, 'scribe', at(paris), 'page.update');
    await stage.identity.grantPermission({ uuid, permission: 'page.print', siteId: paris.id });
    await give(stage, person, 'visitor', at(lyon));
    const live = await stage.live(await stage.signIn(person.email));
    const chosen = await stage.identity.chooseSite({ live, siteId: paris.id, caller: stage.caller() });
    assert.ok(chosen);
    assert.deepEqual((await stage.identity.rightsOf(chosen)).roles, ['scribe']);

    const elsewhere = await secondServer(stage);
    await elsewhere.identity.leaveSite({ uuid, siteId: paris.id });
    const rights = await stage.identity.rightsOf(chosen);
    assert.deepEqual([rights.site, rights.roles, rights.permissions], [lyon, ['visitor'], []]);

    await stage.identity.joinSite({ uuid, siteId: paris.id });
    const back = await stage.identity.rightsOf(chosen);
    assert.deepEqual([back.site, back.roles, back.permissions], [paris, [], []]);
  });

  it('loses what a deleted role, permission or site gave', async () => {
    const stage = await open();
    const person = await stage.person();
    const { uuid } = person;
    const [paris, lyon] = [await siteIn(stage, 'Paris'), await siteIn(stage, 'Lyon')];
    await give(stage, person, 'r1', at(paris), 'd1.view', 'd2.view');
    await give(stage, person, 'r2', everywhere, 'd3.view');
    await stage.identity.grantPermission({ uuid, permission: 'd4.view', siteId: paris.id });
    await stage.identity.joinSite({ uuid, siteId: lyon.id });
    const look = async () => {
      const { roles, permissions } = await rightsIn(stage, person);
      return [...roles, ...permissions];
    };
    assert.deepEqual(await look(), ['r1', 'r2', 'd1.view', 'd2.view', 'd3.view', 'd4.view']);
    await stage.identity.deletePermission({ name: 'd1.view' });
    await stage.identity.deletePermission({ name: 'd4.view' });
    assert.deepEqual(await look(), ['r1', 'r2', 'd2.view', 'd3.view']);
    await stage.identity.deleteRole({ name: 'r2', siteId: null });
    assert.deepEqual(await look(), ['r1', 'd2.view']);
    await stage.identity.deleteSite({ siteId: paris.id });
    const { site, sites } = await rightsIn(stage, person);
    assert.deepEqual([site, sites.length, await look()], [lyon, 1, []]);
  });

  it('goes with the account, and no id comes back (rule 12)', async () => {
    const stage = await open();
    const person = await stage.person();
    const site = await siteIn(stage, 'Paris');
    const { role } = await give(stage, person, 'passing', at(site), 'page.view');
    await stage.identity.grantPermission({ uuid: person.uuid, permission: 'page.print', siteId: site.id });
    await stage.identity.deleteAccount({ uuid: person.uuid });
    await stage.handle.transaction(async (db) => {
      for (const table of ['site_member', 'role_grant', 'permission_grant'] as const) {
        const left = await db.selectFrom(table).select('site_id').where('account_id', '=', person.id).execute();
        assert.deepEqual(left, [], table);
      }
    });
    await stage.identity.deleteRole({ name: 'passing', siteId: null });
    await stage.identity.deleteSite({ siteId: site.id });
    await cleanExpired(stage.handle, stage.clock.now());
    assert.ok((await siteIn(stage, 'Paris')).id > site.id);
    const again = await stage.identity.createRole({ name: 'passing', siteId: null, permissions: [] });
    assert.ok((again?.id ?? 0) > role.id);
    assert.deepEqual(again?.permissions, []);
  });
});
