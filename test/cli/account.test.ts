import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openCli } from './cli.ts';

const password = 'quartz lantern over nine hills';

describe('guichet account', () => {
  it('makes an account with everything that is said of it', async (t) => {
    const { json } = openCli(t);

    const { code, value } = await json(
      ...['account', 'create', '--email', 'Ada@Example.org', '--password', password, '--verified'],
      ...['--first-name', 'Ada', '--last-name', 'Lovelace', '--username', 'ada.l', '--locale', 'fr'],
      ...['--role', 'EDITOR', '--role-id', '7', '--accountable-type', 'Team', '--accountable-id', '42'],
    );

    assert.equal(code, 0);
    const { uuid, createdAt, updatedAt, ...rest } = value as Record<string, unknown>;
    assert.match(String(uuid), /^[0-9a-f-]{36}$/);
    assert.equal(createdAt, updatedAt);
    assert.deepEqual(rest, {
      id: 1,
      email: 'ada@example.org',
      emailVerified: true,
      phone: null,
      phoneVerified: false,
      name: 'Ada Lovelace',
      firstName: 'Ada',
      lastName: 'Lovelace',
      username: 'ada.l',
      locale: 'fr',
      role: 'EDITOR',
      roleId: 7,
      accountableType: 'Team',
      accountableId: 42,
      twoFactor: null,
      lockedAt: null,
      signInCount: 0,
      lastSignInAt: null,
    });
  });

  it('changes what the host application calls an account', async (t) => {
    const { json, run } = openCli(t);
    await run('account', 'create', '--email', 'ada@example.org', '--no-password', '--verified', '--role', 'EDITOR');

    const { code, value } = await json(
      'account',
      'set',
      'ada@example.org',
      '--role-id',
      '12',
      '--accountable-id',
      '42',
    );

    assert.equal(code, 0);
    const { role, roleId, accountableType, accountableId } = value as Record<string, unknown>;
    assert.deepEqual([role, roleId, accountableType, accountableId], ['EDITOR', 12, 'Account', 42]);
  });

  it('takes the second factor off an account', async (t) => {
    const { json, run } = openCli(t);
    await run('account', 'create', '--email', 'ada@example.org', '--no-password', '--verified');

    const { code, value } = await json('account', 'reset-two-factor', 'ada@example.org');

    assert.equal(code, 0);
    assert.equal((value as { twoFactor: unknown }).twoFactor, null);
  });

  it('takes the password from the first line of standard input', async (t) => {
    const { run, runWith } = openCli(t);

    const made = await runWith(`${password}\n`, 'account', 'create', '--email', 'ada@example.org', '--verified');
    const again = await runWith('short\n', 'account', 'set-password', 'ada@example.org');
    const none = await run('account', 'set-password', 'ada@example.org');

    assert.equal(made.code, 0);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /the password is refused: it needs at least 8 characters/);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /no password was given/);
  });

  it('makes an account without a password when told so', async (t) => {
    const { run } = openCli(t);

    assert.equal((await run('account', 'create', '--email', 'ada@example.org', '--no-password')).code, 0);
  });

  it('lists accounts in the order they were made, a page at a time', async (t) => {
    const { json } = openCli(t);
    for (const name of ['one', 'two', 'three']) {
      await json('account', 'create', '--email', `${name}@example.org`, '--no-password', '--verified');
    }
    const emails = (value: unknown) => (value as { email: string }[]).map(({ email }) => email);

    const first = await json('account', 'list', '--limit', '2');
    const second = await json('account', 'list', '--limit', '2', '--after', 'two@example.org');

    assert.deepEqual(emails(first.value), ['one@example.org', 'two@example.org']);
    assert.match(first.stderr, /there may be more: --after [0-9a-f-]{36}/);
    assert.deepEqual(emails(second.value), ['three@example.org']);
  });

  it('locks, unlocks and deletes, by address or uuid', async (t) => {
    const { json } = openCli(t);
    const made = await json('account', 'create', '--email', 'ada@example.org', '--no-password', '--verified');
    const { uuid } = made.value as { uuid: string };

    const locked = await json('account', 'lock', 'ada@example.org');
    const unlocked = await json('account', 'unlock', uuid);
    const deleted = await json('account', 'delete', uuid);
    const shown = await json('account', 'show', uuid);

    assert.match(String((locked.value as { lockedAt: unknown }).lockedAt), /^\d{4}-/);
    assert.equal((unlocked.value as { lockedAt: unknown }).lockedAt, null);
    assert.equal(deleted.code, 0);
    assert.equal(shown.code, 1);
    assert.deepEqual(shown.value, { error: { code: 'not_found', message: 'no such account' } });
  });

  it('says in one line why an account cannot be made', async (t) => {
    const { run } = openCli(t);
    const create = (email: string) => run('account', 'create', '--email', email, '--no-password');
    await create('ada@example.org');

    const taken = await create('ADA@example.org');
    const invalid = await create('not an address');

    assert.deepEqual([taken.code, taken.stderr], [1, 'an account has this e-mail address\n']);
    assert.deepEqual([invalid.code, invalid.stderr], [1, 'email: is not valid\n']);
  });

  it('shows a hostile name without letting it steer the terminal', async (t) => {
    const { run } = openCli(t);
    const name = 'Eve\u001b[2J\u202e\nroot';
    await run('account', 'create', '--email', 'eve@example.org', '--no-password', '--first-name', name);

    const { stdout } = await run('account', 'list');

    assert.equal(stdout.split('\n').length, 3);
    for (const hostile of ['\u001b', '\u202e']) assert.ok(!stdout.includes(hostile), JSON.stringify(stdout));
  });
});
