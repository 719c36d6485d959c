import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { INSTANT, PASSWORD, sharedWorld } from './client.ts';
import { userOf } from './endpoint-answers.ts';
import { address, peopleOf, written } from './endpoint-people.ts';

const world = sharedWorld();
const { atTwoSites } = peopleOf(world);

describe('3.2: the user object', () => {
  const COUNTS = ['incident', 'maintenance', 'cleaning', 'item', 'item_exit', 'item_entry'].map((of) => `${of}_count`);
  const isText = (value: unknown): boolean => typeof value === 'string';
  const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
  const isInstant = (value: unknown): boolean => isText(value) && INSTANT.test(value as string);
  const or =
    (isType: (value: unknown) => boolean) =>
    (value: unknown): boolean =>
      value === null || isType(value);
  const isNothing = (value: unknown): boolean => value === null;
  /** Each of the 28 keys, with its type. */
  const TYPES: Record<string, (value: unknown) => boolean> = {
    id: Number.isInteger,
    username: isText,
    first_name: isText,
    last_name: isText,
    full_name: isText,
    email: isText,
    avatar: isText,
    current_site_id: or(Number.isInteger),
    locale: (value) => value === 'fr' || value === 'en',
    office_phone: or(isText),
    cell_phone: or(isText),
    ...Object.fromEntries(
      COUNTS.map((key) => [key, (value: unknown) => Number.isInteger(value) && Number(value) >= 0]),
    ),
    last_login_date: or(isInstant),
    last_login_ip: or(isText),
    roles: isTexts,
    permissions: isTexts,
    sites: Array.isArray,
    sites_with_roles: Array.isArray,
    sites_with_permissions: Array.isArray,
    deleted_at: isNothing,
    deleted_by_id: isNothing,
    created_at: isInstant,
    updated_at: isInstant,
  };

  it('has 28 keys of the documented types (C6)', async () => {
    const { client } = await atTwoSites();
    const user = await userOf(client);
    assert.deepEqual(Object.keys(user).sort(), Object.keys(TYPES).sort());
    assert.equal(Object.keys(TYPES).length, 28);
    for (const [key, isType] of Object.entries(TYPES)) {
      assert.ok(isType((user as Record<string, unknown>)[key]), `${key}: ${JSON.stringify(user)}`);
    }
  });

  it('of somebody at no site is whole, with empty lists', async () => {
    const made = await world().account('nowhere@example.com');
    const client = world().another({ address: '192.0.2.45' });
    const created = written(world().clock.now());
    world().clock.advance({ seconds: 1 });
    await client.login(made.email);
    const { avatar, updated_at, ...user } = await userOf(client);
    assert.deepEqual(user, {
      id: made.id,
      username: 'nowhere',
      first_name: 'Jean',
      last_name: 'Dupont',
      full_name: 'Jean Dupont',
      email: made.email,
      current_site_id: null,
      locale: 'en',
      office_phone: null,
      cell_phone: null,
      ...Object.fromEntries(COUNTS.map((key) => [key, 0])),
      last_login_date: written(world().clock.now()),
      last_login_ip: '192.0.2.45',
      roles: [],
      permissions: [],
      sites: [],
      sites_with_roles: [],
      sites_with_permissions: [],
      deleted_at: null,
      deleted_by_id: null,
      created_at: created,
    });
    assert.match(String(updated_at), INSTANT);
    assert.match(String(avatar), /^data:image\/png;base64,iVBORw0KGgo/);
  });

  it('lists every site by id, the roles at each, and the direct permissions alone at each', async () => {
    const { client, first, second } = await atTwoSites();
    const { sites, sites_with_roles, sites_with_permissions, current_site_id, permissions } = await userOf(client);
    const views = [
      { id: first.id, name: 'Siège', is_headquarters: true },
      { id: second.id, name: 'Lyon', is_headquarters: false },
    ];
    assert.deepEqual(sites, views);
    assert.deepEqual(sites_with_roles, [
      { site: views[0], roles: ['admin'] },
      { site: views[1], roles: ['operator'] },
    ]);
    assert.deepEqual(sites_with_permissions, [
      { site: { id: first.id, name: 'Siège' }, permissions: [] },
      { site: { id: second.id, name: 'Lyon' }, permissions: ['item.scanQrCode'] },
    ]);
    assert.equal(current_site_id, first.id);
    assert.deepEqual([...(permissions ?? [])].sort(), ['company.view', 'company.viewAny']);
  });

  it('of somebody whose names are blank has the username as full_name', async () => {
    const email = 'nameless@example.com';
    await world().identity.createAccount({ email, password: PASSWORD, verified: true });
    const client = world().another();
    await client.login(email);
    const user = await userOf(client);
    assert.deepEqual(
      [user['first_name'], user['last_name'], user['username'], user['full_name']],
      ['', '', 'nameless', 'nameless'],
    );
    assert.match(String(user['avatar']), /^data:image\/png;base64,iVBORw0KGgo/);
  });

  it('of somebody who signed up with another contract has the words of the name (rule 9)', async () => {
    const email = address();
    const other = world().another();
    await other.ask('POST', '/v1/auth/register', { body: { email, name: 'Anne Marie du Lac', password: PASSWORD } });
    await other.ask('POST', '/v1/auth/verify-email', { body: { token: await world().tokenFor(email) } });
    const client = world().another();
    assert.equal((await client.login(email)).status, 200);
    const user = await userOf(client);
    assert.deepEqual(
      [user['first_name'], user['last_name'], user['full_name']],
      ['Anne', 'Marie du Lac', 'Anne Marie du Lac'],
    );
  });
});
