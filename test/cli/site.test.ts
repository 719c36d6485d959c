import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openCli } from './cli.ts';

describe('guichet site', () => {
  it('makes sites and tells their numbers', async (t) => {
    const { json, run } = openCli(t);
    const first = await json('site', 'create', 'Paris', '--headquarters');
    assert.deepEqual(first, { code: 0, value: { id: 1, name: 'Paris', is_headquarters: true }, stderr: '' });
    const plain = { code: 0, stdout: '{"id":2,"name":"Lyon","is_headquarters":false}\n', stderr: '' };
    assert.deepEqual(await run('site', 'create', 'Lyon'), plain);
    const { value } = await json('site', 'list');
    assert.deepEqual(value, [
      { id: 1, name: 'Paris', is_headquarters: true },
      { id: 2, name: 'Lyon', is_headquarters: false },
    ]);
    const { stdout } = await run('site', 'list');
    assert.equal(stdout, 'SITE  NAME   HEADQUARTERS\n1     Paris  yes\n2     Lyon   no\n');
  });

  it('renames, sets and deletes, and gives no number twice', async (t) => {
    const { json, run } = openCli(t);
    await run('site', 'create', 'Paris');
    const renamed = await json('site', 'rename', '1', 'Brest');
    assert.deepEqual(renamed.value, { id: 1, name: 'Brest', is_headquarters: false });
    assert.deepEqual((await json('site', 'set', '1', '--headquarters')).value, {
      id: 1,
      name: 'Brest',
      is_headquarters: true,
    });
    assert.equal((await run('site', 'set', '1', '--no-headquarters')).stdout, 'site 1 (Brest): is no headquarters\n');
    assert.equal((await run('site', 'delete', '1')).stdout, 'site 1 (Brest): deleted\n');
    assert.equal(((await json('site', 'create', 'Paris')).value as { id: number }).id, 2);
  });

  it('has members, and shows what one has where', async (t) => {
    const { json, run } = openCli(t);
    await run('account', 'create', '--email', 'ada@example.org', '--no-password', '--verified');
    const none = await run('site', 'list', '--account', 'ada@example.org');
    assert.match(none.stdout, /^ada@example\.org: is a member of no site/);
    for (const name of ['Paris', 'Lyon']) await run('site', 'create', name);

    const joined = await json('site', 'join', 'Ada@example.org', '--site', '2');
    const { uuid, ...rest } = joined.value as Record<string, unknown>;
    assert.match(String(uuid), /^[0-9a-f-]{36}$/);
    assert.deepEqual(rest, { email: 'ada@example.org', site_id: 2 });
    const again = await run('site', 'join', 'ada@example.org', '--site', '2');
    assert.deepEqual([again.code, again.stdout], [0, 'ada@example.org: was a member already of site 2 (Lyon)\n']);
    await run('role', 'grant', 'ada@example.org', 'editor', '--site', '2');
    await run('permission', 'grant', 'ada@example.org', 'item.view', '--everywhere');
    assert.deepEqual((await json('site', 'list', '--account', 'ada@example.org')).value, [
      { id: 2, name: 'Lyon', is_headquarters: false, roles: ['editor'], direct_permissions: ['item.view'] },
    ]);
    assert.equal((await run('site', 'leave', 'ada@example.org', '--site', '2')).code, 0);
    assert.deepEqual((await json('site', 'list', '--account', 'ada@example.org')).value, []);
    const gone = await run('site', 'leave', 'ada@example.org', '--site', '2');
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /^the account is no member of site 2 \(Lyon\); guichet site list --account shows where/);
  });

  it('says what is not there, and what shows it', async (t) => {
    const { json, run } = openCli(t);
    await run('account', 'create', '--email', 'ada@example.org', '--no-password');
    await run('site', 'create', 'Paris');
    for (const command of [
      ['site', 'rename', '7', 'Lyon'],
      ['site', 'delete', '7'],
      ['site', 'join', 'ada@example.org', '--site', '7'],
      ['role', 'grant', 'ada@example.org', 'editor', '--site', '7'],
      ['role', 'revoke', 'ada@example.org', 'editor', '--site', '7'],
      ['role', 'create', 'editor', '--site', '7'],
      ['permission', 'grant', 'ada@example.org', 'item.view', '--site', '7'],
    ]) {
      const { code, value } = await json(...command);
      const error = { code: 'not_found', message: 'there is no site 7; guichet site list shows them' };
      assert.deepEqual([code, value], [1, { error }], command.join(' '));
    }
    const nobody = await run('site', 'join', 'eve@example.org', '--site', '1');
    assert.equal(nobody.stderr, 'there is no account eve@example.org; guichet account list shows them\n');
    const unproven = await run('site', 'join', 'ada@example.org', '--site', '1');
    assert.equal(unproven.code, 1);
    assert.match(unproven.stderr, /^the account has no verified e-mail address or phone number; /);
    const blank = await run('site', 'create', ' ');
    assert.equal(blank.code, 1);
    assert.match(blank.stderr, /^the name of a site has 1 to 100 characters/);
  });

  it('ends with 2 for wrong usage', async (t) => {
    const { run } = openCli(t);
    for (const command of [
      ['site', 'create'],
      ['site', 'rename', 'Paris', 'Lyon'],
      ['site', 'delete', '-1'],
      ['site', 'set', '1'],
      ['site', 'join', 'ada@example.org'],
      ['site', 'join', 'ada@example.org', '--site', 'Paris'],
      ['role', 'grant', 'ada@example.org', 'editor'],
      ['role', 'grant', 'ada@example.org', 'editor', '--site', '1', '--everywhere'],
      ['role', 'grant', 'ada@example.org', 'editor', '--site', '1', '--permissions', 'item'],
      ['role', 'set', 'editor'],
      ['permission', 'revoke', 'ada@example.org', 'item.view'],
      ['apply'],
    ]) {
      assert.equal((await run(...command)).code, 2, command.join(' '));
    }
  });
});
