import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SiteId } from '../../../src/core/site.ts';
import { hasPostgres } from '../../support/databases.ts';
import {
  type Answer,
  assertInvalid,
  type Client,
  type OpenedClient,
  openClient,
  PASSWORD,
  REMEMBER,
  sharedWorld,
  type User,
} from './client.ts';

const INVALID = 'The selected site id is invalid.';
const NO_INTEGER = 'The site id field must be an integer.';

let named = 0;
const siteIn = ({ identity }: OpenedClient, name = `Site ${++named}`, isHeadquarters = false) =>
  identity.createSite({ name, isHeadquarters });

const userIn = (answer: Answer): User => {
  assert.equal(answer.status, 200, answer.text);
  return answer.body.data ?? assert.fail(answer.text);
};
const userOf = async (client: Client): Promise<User> => userIn(await client.user());

/** Somebody signed in who is a member of three sites. */
async function memberIn(world: OpenedClient) {
  const email = `member${++named}@example.com`;
  const account = await world.account(email);
  const sites = [await siteIn(world), await siteIn(world), await siteIn(world)] as const;
  for (const { id } of sites) await world.identity.joinSite({ uuid: account.uuid, siteId: id });
  const client = world.another();
  await client.login(email);
  return { account, client, email, sites, uuid: account.uuid };
}

const siteOf = async (client: Client): Promise<number | null> => (await userOf(client)).current_site_id;

for (const database of ['sqlite', 'postgres'] as const) {
  describe(`the site of a session on ${database}`, { skip: database === 'postgres' && !hasPostgres }, () => {
    const world = sharedWorld({ database });

    it('C5: switching answers with the new site’s roles and permissions, `user` and `data` alike', async () => {
      const { identity } = world();
      const { client, sites, uuid } = await memberIn(world());
      const grant = (role: string, siteId: number, permissions: string[]) =>
        identity.grantRole({ uuid, role: `${role} ${siteId}`, siteId, permissions });
      await grant('manager', sites[0].id, ['company.view', 'company.viewAny']);
      await grant('operator', sites[1].id, ['item.view']);
      const before = await userOf(client);
      assert.deepEqual(before.roles, [`manager ${sites[0].id}`]);

      const moved = await client.patch('/user/site', { site_id: sites[1].id });

      const user = {
        ...before,
        current_site_id: sites[1].id,
        roles: [`operator ${sites[1].id}`],
        permissions: ['item.view'],
      };
      assert.equal(moved.status, 200, moved.text);
      assert.deepEqual(moved.json, { message: 'Active site updated successfully.', user, data: user });
      assert.deepEqual(await userOf(client), user);
      assert.deepEqual((await client.get('/user')).json, { data: user });
    });

    it('R124: is none that is not there, nor one of others, and one answer is like the other', async () => {
      const { client, sites } = await memberIn(world());
      await client.patch('/user/site', { site_id: sites[1].id });
      const before = await userOf(client);
      const others = await siteIn(world());
      const strange = [others.id, others.id + 1000, 0, -1, -sites[0].id, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + sites[0].id];
      const asText = ['0', '-1', `${others.id}`, '2147483648', '999999999999'];
      for (const site_id of [...strange, ...asText]) {
        const answer = await client.patch('/user/site', { site_id });
        assertInvalid(answer, { site_id: [INVALID] });
      }
      assert.deepEqual(await userOf(client), before);
    });

    it('R124: is not named by what is no integer', async () => {
      const { client, sites } = await memberIn(world());
      const before = await userOf(client);
      const [{ id }] = sites;
      const texts = ['x', `${id}x`, `${id}.5`, `${id};`, `${id} or 1=1`, `'${id}`, '0x1', 'NaN', 'Infinity', '١'];
      const others = [id + 0.5, [id], { id }, [[id]], { '0': id }];
      for (const site_id of [...texts, ...others]) {
        assertInvalid(await client.patch('/user/site', { site_id }), { site_id: [NO_INTEGER, INVALID] });
      }
      for (const body of [{}, { site_id: null }, { site_id: '' }, { site_id: '  ' }, { siteId: id }, { id }]) {
        assertInvalid(await client.patch('/user/site', body), { site_id: ['The site id field is required.'] });
      }
      assert.deepEqual(await userOf(client), before);
    });

    it('R124: is refused beside site_id alone when it is beyond what any database counts to', async () => {
      const { client } = await memberIn(world());
      const before = await userOf(client);
      const huge = ['9007199254740992', '-9007199254740993', '9223372036854775807', '9223372036854775808', '1e30'];
      const raws = [...huge, '1e308', '1e400', '-1e400', `1${'0'.repeat(500)}`, '18446744073709551617'];
      const bodies = [...raws, ...raws.map((raw) => `"${raw}"`)].map((value) => `{"site_id":${value}}`);
      for (const raw of bodies) {
        const { body, json, status } = await client.ask('PATCH', '/api/v1/user/site', { raw });
        assert.equal(status, 422, raw);
        assert.deepEqual(Object.keys(json as object), ['message', 'errors']);
        assert.deepEqual(Object.keys(body.errors ?? {}), ['site_id'], raw);
        assert.equal(body.errors?.['site_id']?.at(-1), INVALID, raw);
      }
      assert.deepEqual(await userOf(client), before);
    });

    it('may be named by a text of digits', async () => {
      const { client, sites } = await memberIn(world());
      for (const site_id of [`${sites[1].id}`, ` ${sites[2].id} `]) {
        const moved = await client.patch('/user/site', { site_id });
        assert.equal(moved.body.user?.current_site_id, Number(site_id), moved.text);
      }
    });

    it('stays what each of two browsers chose', async () => {
      const { client, email, sites } = await memberIn(world());
      const other = world().another();
      await other.login(email);
      for (let time = 0; time < 3; time += 1) {
        const [one, two] = [sites[time % 3]?.id ?? 0, sites[(time + 1) % 3]?.id ?? 0];
        await Promise.all([client.patch('/user/site', { site_id: one }), other.patch('/user/site', { site_id: two })]);
        assert.deepEqual([await siteOf(client), await siteOf(other)], [one, two]);
      }
    });

    it('is the one chosen last in a session that begins, also after signing out', async () => {
      const { client, email, sites } = await memberIn(world());
      assert.equal(await siteOf(client), sites[0].id);
      await client.patch('/user/site', { site_id: sites[2].id });
      await client.post('/auth/logout');
      await client.login(email);
      assert.equal(await siteOf(client), sites[2].id);
      const other = world().another();
      await other.login(email);
      assert.equal(await siteOf(other), sites[2].id);
    });

    it('is the lowest again once its membership was taken away, at the next request, here and on another server', async (t) => {
      const env = { GUICHET_DATABASE_URL: world().settings.GUICHET_DATABASE_URL };
      const elsewhere = await openClient(t, { env, overrides: { clock: world().clock } });
      const { client, sites, uuid } = await memberIn(world());
      for (const { id } of sites) {
        await world().identity.grantRole({ uuid, role: `clerk ${id}`, siteId: id, permissions: [`clerk.at${id}`] });
      }
      await client.patch('/user/site', { site_id: sites[2].id });
      const seen = (user: User) => [user.current_site_id, user.roles, user.permissions, user.sites.map(({ id }) => id)];

      await world().identity.leaveSite({ uuid, siteId: sites[2].id });
      const [first, second] = [sites[0].id, sites[1].id];
      const atFirst = [first, [`clerk ${first}`], [`clerk.at${first}`]];
      assert.deepEqual(seen(await userOf(client)), [...atFirst, [first, second]]);
      assertInvalid(await client.patch('/user/site', { site_id: sites[2].id }), { site_id: [INVALID] });

      await elsewhere.identity.leaveSite({ uuid, siteId: second });
      assert.deepEqual(seen(await userOf(client)), [...atFirst, [first]]);
      await elsewhere.identity.revokeRole({ uuid, role: `clerk ${first}`, siteId: first });
      assert.deepEqual(seen(await userOf(client)), [first, [], [], [first]]);
      await elsewhere.identity.deleteSite({ siteId: first });
      assert.deepEqual(seen(await userOf(client)), [null, [], [], []]);
      const { sites_with_roles, sites_with_permissions } = await userOf(client);
      assert.deepEqual([sites_with_roles, sites_with_permissions], [[], []]);
      assertInvalid(await client.patch('/user/site', { site_id: first }), { site_id: [INVALID] });
    });

    it('is chosen for every server that the session reaches', async (t) => {
      const env = { GUICHET_DATABASE_URL: world().settings.GUICHET_DATABASE_URL };
      const elsewhere = await openClient(t, { env, overrides: { clock: world().clock } });
      const { client, sites } = await memberIn(world());
      const there = elsewhere.another();
      for (const [name, value] of client.jar) there.jar.set(name, value);

      // None of them has a copy of the session that may be a second old.
      await client.patch('/user/site', { site_id: sites[1].id });
      assert.equal(await siteOf(there), sites[1].id);
      await there.patch('/user/site', { site_id: sites[2].id });
      assert.equal(await siteOf(client), sites[2].id);
    });
  });
}

describe('the rights at a site', () => {
  const world = sharedWorld();

  it('5.1: are the roles given there, those given everywhere, and none of another site’s own', async () => {
    const { clock, identity, world: inside } = world();
    const { account, client, sites, uuid } = await memberIn(world());
    const [paris, lyon] = sites;
    const mark = ++named;
    const everywhere = { uuid, siteId: null };
    await identity.grantRole({ ...everywhere, role: `auditor ${mark}`, permissions: [`audit${mark}.view`] });
    await identity.grantRole({ uuid, role: `chief ${mark}`, siteId: paris.id, permissions: [`chief${mark}.view`] });
    const own = { name: `local ${mark}`, siteId: lyon.id, permissions: [`local${mark}.view`] };
    const role = (await identity.createRole(own)) ?? assert.fail();
    // As no operator’s command would give it.
    await inside.store.transaction(({ roles }) =>
      roles.grant(account.id as never, role.id, paris.id as SiteId, clock.now()),
    );
    const atParis = await userOf(client);
    assert.deepEqual(atParis.roles.toSorted(), [`auditor ${mark}`, `chief ${mark}`]);
    assert.deepEqual(atParis.permissions.toSorted(), [`audit${mark}.view`, `chief${mark}.view`]);

    await identity.grantRole({ uuid, role: own.name, siteId: lyon.id, permissions: [] });
    const atLyon = (await client.patch('/user/site', { site_id: lyon.id })).body.user;
    assert.deepEqual(atLyon?.roles.toSorted(), [`auditor ${mark}`, own.name]);
    assert.deepEqual(atLyon?.permissions.toSorted(), [`audit${mark}.view`, `local${mark}.view`]);
  });

  it('5.1: hold each permission once, whatever it comes by', async () => {
    const { identity } = world();
    const { client, sites, uuid } = await memberIn(world());
    const mark = ++named;
    const [{ id: siteId }] = sites;
    const [view, edit] = [`page${mark}.view`, `page${mark}.edit`];
    for (const role of [`one ${mark}`, `two ${mark}`]) {
      await identity.grantRole({ uuid, role, siteId, permissions: [view, edit] });
    }
    await identity.grantRole({ uuid, role: `one ${mark}`, siteId: null, permissions: [] });
    await identity.grantPermission({ uuid, permission: view, siteId });
    await identity.grantPermission({ uuid, permission: view, siteId: null });
    const { permissions, roles } = await userOf(client);
    assert.deepEqual(permissions.toSorted(), [edit, view]);
    assert.deepEqual(roles.toSorted(), [`one ${mark}`, `two ${mark}`]);
  });

  it('3.2: are told site by site, by id, with direct permissions apart from those of roles', async () => {
    const { account, another, identity } = world();
    const mark = ++named;
    const email = `sites${mark}@example.com`;
    const { uuid } = await account(email);
    const head = await siteIn(world(), `Siège ${mark}`, true);
    const lyon = await siteIn(world(), `Lyon ${mark}`);
    await identity.grantRole({ uuid, role: `clerk ${mark}`, siteId: lyon.id, permissions: [`desk${mark}.view`] });
    await identity.grantPermission({ uuid, permission: `lamp${mark}.view`, siteId: lyon.id });
    await identity.grantRole({ uuid, role: `chief ${mark}`, siteId: head.id, permissions: [`door${mark}.view`] });
    const client = another();
    await client.login(email);
    const user = await userOf(client);
    const shown = [
      { id: head.id, name: `Siège ${mark}`, is_headquarters: true },
      { id: lyon.id, name: `Lyon ${mark}`, is_headquarters: false },
    ];
    assert.equal(user.current_site_id, head.id);
    assert.deepEqual(user.sites, shown);
    assert.deepEqual(user['sites_with_roles'], [
      { site: shown[0], roles: [`chief ${mark}`] },
      { site: shown[1], roles: [`clerk ${mark}`] },
    ]);
    assert.deepEqual(user['sites_with_permissions'], [
      { site: { id: head.id, name: `Siège ${mark}` }, permissions: [] },
      { site: { id: lyon.id, name: `Lyon ${mark}` }, permissions: [`lamp${mark}.view`] },
    ]);
  });

  it('are read anew at each request: granted, taken away, widened and renamed', async () => {
    const { identity } = world();
    const { client, sites, uuid } = await memberIn(world());
    const mark = ++named;
    const [{ id: siteId }] = sites;
    const rights = async () => {
      const { permissions, roles } = await userOf(client);
      return [roles, permissions.toSorted()];
    };
    const [name, view, edit] = [`clerk ${mark}`, `desk${mark}.view`, `desk${mark}.edit`];
    assert.deepEqual(await rights(), [[], []]);
    await identity.grantRole({ uuid, role: name, siteId, permissions: [view] });
    assert.deepEqual(await rights(), [[name], [view]]);
    await identity.changeRole({ name, siteId: null, permissions: [view, edit] });
    assert.deepEqual(await rights(), [[name], [edit, view]]);
    await identity.deletePermission({ name: edit });
    assert.deepEqual(await rights(), [[name], [view]]);
    await identity.deleteRole({ name, siteId: null });
    assert.deepEqual(await rights(), [[], []]);
    await identity.changeSite({ siteId, name: `Renamed ${mark}`, isHeadquarters: true });
    assert.deepEqual((await userOf(client)).sites[0], { id: siteId, name: `Renamed ${mark}`, is_headquarters: true });
  });

  it('rule 10: are no power in Guichet itself, whatever the role is called', async () => {
    const { identity } = world();
    const { client, sites, uuid } = await memberIn(world());
    const others = await siteIn(world());
    for (const role of ['admin', 'super-admin', 'SUPER_ADMIN', 'root', 'owner']) {
      await identity.grantRole({
        uuid,
        role,
        siteId: null,
        permissions: ['site.viewAny', 'user.update', 'user.assignSite', 'role.create', 'bypass.login'],
      });
    }
    await identity.grantRole({ uuid, role: 'admin', siteId: sites[0].id, permissions: [] });
    assertInvalid(await client.patch('/user/site', { site_id: others.id }), { site_id: [INVALID] });
    const changed = { current_password: 'wrong', password: 'copper lantern quarry' };
    assertInvalid(await client.put('/user/password', { ...changed, password_confirmation: changed.password }), {
      current_password: ['The current password is incorrect.'],
    });
    assert.equal((await client.post('/user/two-factor-authentication')).status, 423);
    await assert.rejects(identity.grantRole({ uuid, role: 'Guichet admin', siteId: null, permissions: [] }), {
      code: 'input_rejected',
    });
  });

  it('rule 10: are not given to anybody whose address is not proven', async () => {
    const { account, identity } = world();
    const { uuid } = await account(`unproven${++named}@example.com`, { verified: false });
    const { id: siteId } = await siteIn(world());
    const refused = { code: 'identifier_unproven' };
    await assert.rejects(identity.joinSite({ uuid, siteId }), refused);
    await assert.rejects(identity.grantRole({ uuid, role: 'admin', siteId, permissions: [] }), refused);
    await assert.rejects(identity.grantPermission({ uuid, permission: 'site.view', siteId }), refused);
  });

  it('are nobody’s without a site, whatever was given everywhere', async () => {
    const { account, another, identity } = world();
    const email = `siteless${++named}@example.com`;
    const { uuid } = await account(email);
    await identity.grantRole({ uuid, role: 'admin', siteId: null, permissions: ['site.view'] });
    const client = another();
    await client.login(email);
    const user = await userOf(client);
    const { current_site_id, permissions, roles, sites } = user;
    assert.deepEqual([current_site_id, roles, permissions, sites], [null, [], [], []]);
  });

  it('go on at the session’s own site when it is opened anew by what it is remembered by', async () => {
    const { client, email, sites } = await memberIn(world());
    await client.post('/auth/logout');
    await client.login(email, PASSWORD, { remember: true });
    await client.patch('/user/site', { site_id: sites[1].id });
    const other = world().another();
    await other.login(email);
    await other.patch('/user/site', { site_id: sites[2].id });
    client.forgetSession();
    assert.ok(client.jar.has(REMEMBER));
    assert.equal(await siteOf(client), sites[1].id);
  });
});
