import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openCli, type TestCli } from './cli.ts';

const ADA = 'ada@example.org';

/** Ada, and two sites. */
async function withAda(t: { after(undo: () => unknown): void }): Promise<TestCli> {
  const cli = openCli(t);
  await cli.run('account', 'create', '--email', ADA, '--no-password', '--verified');
  for (const name of ['Paris', 'Lyon']) await cli.run('site', 'create', name);
  return cli;
}

describe('guichet role', () => {
  it('is granted at a site, made if it is new, and revoked there', async (t) => {
    const { json, run } = await withAda(t);
    const granted = await json('role', 'grant', ADA, 'editor', '--site', '2', '--permissions', 'page.view, page.edit');
    const { uuid, ...rest } = granted.value as Record<string, unknown>;
    assert.deepEqual([granted.code, typeof uuid], [0, 'string']);
    const permissions = ['page.edit', 'page.view'];
    assert.deepEqual(rest, { email: ADA, role: 'editor', role_id: 1, site_id: 2, permissions });
    const again = await run('role', 'grant', ADA, 'editor', '--site', '2');
    assert.equal(again.stdout, `${ADA}: had already the role editor at site 2 (Lyon), with page.edit, page.view\n`);
    await run('role', 'grant', ADA, 'editor', '--everywhere');

    const revoked = await run('role', 'revoke', ADA, 'editor', '--site', '2');
    assert.deepEqual(revoked, {
      code: 0,
      stdout: `${ADA}: the role editor at site 2 (Lyon) was taken\n`,
      stderr: 'it still has a role of this name, which was given everywhere\n',
    });
    const missing = await run('role', 'revoke', ADA, 'editor', '--site', '2');
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^the account was not given the role editor at site 2 \(Lyon\); guichet site list/);
    const last = await json('role', 'revoke', ADA, 'editor', '--everywhere');
    assert.deepEqual([last.code, last.stderr], [0, '']);
  });

  it('is made, listed, set and deleted, of all sites or of one', async (t) => {
    const { json, run } = await withAda(t);
    const made = await json('role', 'create', 'editor', '--level', '5', '--permissions', 'page.view');
    const view = { id: 1, name: 'editor', level: 5, site_id: null, permissions: ['page.view'] };
    assert.deepEqual(made.value, view);
    const twice = await run('role', 'create', 'editor');
    assert.equal(twice.code, 1);
    assert.equal(twice.stderr, 'there is a role editor of all sites already; guichet role set changes it\n');
    await run('role', 'create', 'editor', '--site', '2');
    const set = await run('role', 'set', 'editor', '--site', '2', '--permissions', 'page.edit', '--level', '7');
    assert.equal(set.stdout, 'role editor of site 2 (Lyon): level 7, with page.edit\n');
    const value = (await json('role', 'list')).value as { id: number }[];
    assert.deepEqual(value, [view, { ...view, id: value[1]?.id, level: 7, site_id: 2, permissions: ['page.edit'] }]);
    assert.match((await run('role', 'list')).stdout, /^editor +2 \(Lyon\) +7 +page\.edit$/m);
    assert.equal((await run('role', 'set', 'editor', '--permissions', '')).code, 0);
    assert.equal((await run('role', 'delete', 'editor')).stdout, 'role editor of all sites: deleted\n');
    const gone = await run('role', 'delete', 'editor');
    assert.equal(gone.stderr, 'there is no role editor of all sites; guichet role list shows them\n');
  });

  it('bears no name like those of Guichet’s own rights (rule 10)', async (t) => {
    const { run } = await withAda(t);
    for (const command of ['create', 'set', 'delete']) {
      const more = command === 'set' ? ['--level', '1'] : [];
      const { code, stderr } = await run('role', command, 'ＧUICHET-admin', ...more);
      assert.equal(code, 1);
      assert.match(stderr, /does not begin with "guichet"$/m);
    }
    assert.equal((await run('role', 'grant', ADA, 'Guichet', '--everywhere')).code, 1);
  });
});

describe('guichet permission', () => {
  it('is made, given without a role, taken and deleted', async (t) => {
    const { json, run } = await withAda(t);
    assert.deepEqual((await json('permission', 'create', 'item.view')).value, { name: 'item.view' });
    const twice = await run('permission', 'create', 'item.view');
    assert.deepEqual([twice.code, twice.stderr], [1, 'there is a permission item.view already\n']);
    const wrong = await run('permission', 'create', 'item');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^a permission is a resource, a dot and an action/);

    const granted = await run('permission', 'grant', ADA, 'item.edit', '--site', '1');
    assert.equal(granted.stdout, `${ADA}: has the permission item.edit at site 1 (Paris)\n`);
    assert.deepEqual((await json('permission', 'list')).value, [{ name: 'item.edit' }, { name: 'item.view' }]);
    const taken = await json('permission', 'revoke', ADA, 'item.edit', '--site', '1');
    const { uuid, ...rest } = taken.value as Record<string, unknown>;
    assert.deepEqual([typeof uuid, rest], ['string', { email: ADA, permission: 'item.edit', site_id: 1 }]);
    const missing = await run('permission', 'revoke', ADA, 'item.edit', '--everywhere');
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^the account was not given item\.edit everywhere without a role; /);
    assert.equal((await run('permission', 'delete', 'item.edit')).code, 0);
    const gone = await run('permission', 'delete', 'item.edit');
    assert.equal(gone.stderr, 'there is no permission item.edit; guichet permission list shows them\n');
  });
});
