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

    const create = ['account', 'create', '--email', 'ada@example.org', '--verified', '--ask-password'];
    const made = await runWith(`${password}\n`, ...create);
    const again = await runWith('short\n', 'account', 'set-password', 'ada@example.org');
    const none = await run('account', 'set-password', 'ada@example.org');

    assert.equal(made.code, 0);
    assert.doesNotMatch(made.stdout, /invitation/);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /the password is refused: it needs at least 8 characters/);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /no password was given/);
  });

  it('invites whoever is given no password, and asks for none', async (t) => {
    const { run, runWith } = openCli(t);
    const create = (email: string, ...more: string[]) =>
      runWith(`${password}\n`, 'account', 'create', '--email', email, ...more);

    for (const [email, ...more] of [
      ['ada@example.org'],
      ['bob@example.org', '--no-password'],
      ['eve@example.org', '--verified'],
    ] as const) {
      const { code, stderr, stdout } = await create(email, ...more);
      assert.equal(code, 0);
      assert.doesNotMatch(stderr, /password/i);
      assert.ok(stdout.includes(`invitation    mailed to ${email}; its link works for 24 hours\n`), stdout);
    }
    const without = await create('ida@example.org', '--password', password);
    assert.doesNotMatch(without.stdout, /invitation/);
    assert.equal((await run('account', 'create', '--email', 'ivy@example.org', '--ask-password')).code, 1);
  });

  it('invites again whoever has not chosen a password, once a minute, and nobody else', async (t) => {
    const { json, run } = openCli(t);
    await run('account', 'create', '--email', 'ada@example.org');
    await run('account', 'create', '--email', 'ida@example.org', '--password', password);

    const soon = await run('account', 'invite', 'ada@example.org');
    assert.equal(soon.code, 1);
    assert.match(soon.stderr, /was mailed an invitation within the last minute/);
    const settled = await json('account', 'invite', 'ida@example.org');
    assert.equal(settled.code, 1);
    assert.equal((settled.value as { error: { code: string } }).error.code, 'not_invited');
    assert.equal((await run('account', 'invite', 'nobody@example.org')).code, 1);

    const unlimited = openCli(t, { GUICHET_RATE_LIMITS: 'off' });
    await unlimited.run('account', 'create', '--email', 'ada@example.org');
    const again = await unlimited.run('account', 'invite', 'ada@example.org');
    assert.deepEqual([again.code, again.stdout], [0, 'ada@example.org: the invitation was mailed\n']);
  });

  it('is told one way to a password, not two', async (t) => {
    const { run } = openCli(t);
    for (const other of [['--password', password], ['--no-password']]) {
      const { code, stderr } = await run('account', 'create', '--email', 'ada@example.org', '--ask-password', ...other);
      assert.equal(code, 2);
      assert.match(stderr, /cannot be used with option/);
    }
    for (const nothing of ['', ' ']) {
      const { code } = await run('account', 'create', '--email', 'ada@example.org', '--password', nothing);
      assert.equal(code, 1);
    }
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
