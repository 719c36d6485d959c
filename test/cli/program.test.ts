import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { version } from '../../src/version.ts';
import { openCli, type TestCli } from './cli.ts';

const nobodyListens = 'postgres://guichet:hunter2hunter2@127.0.0.1:1/auth';

describe('guichet', () => {
  it('prints exactly one JSON value with --json, whatever the command and wherever the option stands', async (t) => {
    const { json, run } = openCli(t);
    const commands = [
      ['version'],
      ['config'],
      ['migrate'],
      ['account', 'list'],
      ['site', 'list'],
      ['role', 'list'],
      ['permission', 'list'],
      ['key', 'list'],
      ['key', 'rotate', '--now', '--contract', 'cookie'],
      ['audit', 'verify'],
      ['doctor'],
    ];

    for (const command of commands) assert.equal((await json(...command)).code, 0, command.join(' '));
    assert.deepEqual(JSON.parse((await run('--json', 'version')).stdout), { version, node: process.versions.node });
  });

  it('ends with 2 for wrong usage', async (t) => {
    const { json, run } = openCli(t);

    const wrong = [
      ['conjure'],
      ['account'],
      ['account', 'create'],
      ['account', 'show'],
      ['account', 'list', '--limit', 'many'],
      ['account', 'create', '--email', 'a@example.org', '--locale', 'xx'],
      ['key', 'rotate', '--contract', 'soap'],
      ['version', '--loudly'],
    ];

    for (const command of wrong) {
      assert.equal((await run(...command)).code, 2, command.join(' '));
      const { code, value } = await json(...command);
      assert.equal(code, 2);
      assert.equal((value as { error: { code: string } }).error.code, 'usage');
    }
  });

  it('ends with 0 after help', async (t) => {
    const { run } = openCli(t);

    const { code, stdout } = await run('account', 'create', '--help');

    assert.equal(code, 0);
    assert.match(stdout, /--accountable-type/);
    assert.match(stdout, /--json/);
  });

  it('prints every wrong setting and ends with 1', async (t) => {
    const { json, run } = openCli(t, { GUICHET_PORT: 'x', GUICHET_SIGN_UP: 'maybe', GUICHET_COLOUR: 'red' });

    const { code, stderr } = await run('start');
    const answer = await json('account', 'list');

    assert.equal(code, 1);
    assert.equal(
      stderr,
      'GUICHET_PORT is "x"; accepted is a whole number from 0 to 65535\n' +
        'GUICHET_SIGN_UP is "maybe"; accepted is open or closed\n',
    );
    assert.equal(answer.code, 1);
    assert.deepEqual(answer.value, { error: { code: 'settings', message: stderr.trimEnd() } });
  });

  it('says in one line that the data folder cannot be used', async (t) => {
    const { folder, run } = openCli(t);
    writeFileSync(join(folder, 'data'), 'a file, not a folder');

    const { code, stderr } = await run('start');

    assert.equal(code, 1);
    assert.match(stderr, /^GUICHET_DATA_DIR is ".+"; accepted is a folder that can be read and written \(EEXIST\)\n$/);
  });

  it('says in one line that the database is not there, without its password', async (t) => {
    const { run } = openCli(t, { GUICHET_DATABASE_URL: nobodyListens });

    for (const command of [['start'], ['migrate'], ['account', 'list']]) {
      const { code, stderr } = await run(...command);
      const lines = stderr.trimEnd().split('\n');

      assert.equal(code, 1);
      assert.match(lines.at(-1) ?? '', /^the database cannot be used: .*ECONNREFUSED.* \(GUICHET_DATABASE_URL\)$/);
      assert.doesNotMatch(stderr, /hunter2/);
    }
  });
});

describe('guichet config', () => {
  it('shows each setting, its value and its source, and masks secrets', async (t) => {
    const { run } = openCli(t, { GUICHET_DATABASE_URL: nobodyListens, GUICHET_METRICS_TOKEN: 'hunter2hunter2' });

    const { code, stdout } = await run('config');

    assert.equal(code, 0);
    assert.match(stdout, /^GUICHET_DATABASE_URL +postgres:\/\/guichet:\*\*\*@127\.0\.0\.1:1\/auth +environment$/m);
    assert.match(stdout, /^GUICHET_PORT +3000 +default$/m);
    assert.doesNotMatch(stdout, /hunter2/);
  });

  it('shows wrong settings, too, and ends with 1', async (t) => {
    const { json } = openCli(t, { GUICHET_PORT: 'x', GUICHET_PROT: '1' });

    const { code, value } = await json('config');

    assert.equal(code, 1);
    const { problems, warnings } = value as { problems: string[]; warnings: string[] };
    assert.deepEqual(problems, ['GUICHET_PORT is "x"; accepted is a whole number from 0 to 65535']);
    assert.deepEqual(warnings, ['GUICHET_PROT is not a setting and is ignored; did you mean GUICHET_PORT?']);
  });

  it('makes neither a secret nor a data folder', async (t) => {
    const { folder, run } = openCli(t);

    await run('config');
    await run('version');
    await run('doctor');

    assert.equal(existsSync(join(folder, 'data')), false);
  });
});

describe('guichet key', () => {
  it('publishes a new key ten minutes before it signs, or at once with --now', async (t) => {
    const { json } = openCli(t);
    const rotate = async (...options: string[]) => {
      const { value } = await json('key', 'rotate', '--contract', 'cookie', ...options);
      const [made, ...more] = value as { kid: string; state: string }[];
      assert.deepEqual(more, []);
      return made ?? assert.fail('no key was made');
    };

    const first = await rotate();
    const planned = await rotate();
    const urgent = await rotate('--now');
    const keys = (await json('key', 'list')).value as { kid: string }[];

    assert.deepEqual([first.state, planned.state, urgent.state], ['signing', 'published', 'signing']);
    // The one that waited for its time would take over again from the urgent one.
    assert.deepEqual(new Set(keys.map(({ kid }) => kid)), new Set([first.kid, urgent.kid]));
  });

  it('makes one for every contract that answers and signs with keys of its own, and tells each', async (t) => {
    const contractsOf = async (cli: TestCli, ...options: string[]) =>
      ((await cli.json('key', 'rotate', ...options)).value as { contract: string }[]).map(({ contract }) => contract);
    const both = openCli(t);
    const cookieAlone = openCli(t, { GUICHET_CONTRACTS: 'cookie' });
    const HS256 = { GUICHET_JWT_ALG: 'HS256', GUICHET_JWT_SECRET: 'vN3kQ8xWz5RbYt1LmC7dHf2GpJ6sAe9U' };
    const shared = openCli(t, HS256);
    const sharedAlone = openCli(t, { ...HS256, GUICHET_CONTRACTS: 'device' });

    assert.deepEqual(await contractsOf(both), ['device', 'cookie']);
    assert.match(
      (await both.run('key', 'rotate', '--now')).stdout,
      /^key \S+ signs the device contract's tokens from \S+\nkey \S+ signs the cookie contract's tokens from \S+\n$/,
    );
    assert.deepEqual(await contractsOf(cookieAlone), ['cookie']);
    assert.deepEqual(await contractsOf(cookieAlone, '--contract', 'device'), ['device']);
    assert.deepEqual(await contractsOf(cookieAlone), ['cookie']);
    assert.deepEqual(await contractsOf(shared), ['cookie']);
    assert.deepEqual(await contractsOf(sharedAlone), []);
    assert.deepEqual(await contractsOf(sharedAlone, '--contract', 'device'), ['device']);
    assert.match((await sharedAlone.run('key', 'rotate')).stdout, /^no contract/);
  });
});

describe('guichet doctor', () => {
  it('finds nothing wrong with a fresh clone, nor after the first command', async (t) => {
    const { json, run } = openCli(t);

    const before = await json('doctor');
    await run('migrate');
    const after = await json('doctor');

    assert.equal((before.value as { ok: boolean }).ok, true);
    assert.deepEqual(
      (after.value as { findings: { check: string; state: string }[] }).findings.map(({ check, state }) => [
        check,
        state,
      ]),
      [
        ['settings', 'ok'],
        ['files', 'ok'],
        ['database', 'ok'],
        ['mail', 'ok'],
      ],
    );
  });

  it('ends with 1 and names what fails: settings, database, mail server', async (t) => {
    const unreachable = openCli(t, { GUICHET_DATABASE_URL: nobodyListens, GUICHET_MAIL_URL: 'smtp://127.0.0.1:1' });
    const misset = openCli(t, { GUICHET_PORT: 'x' });
    const failing = (value: unknown) =>
      (value as { findings: { check: string; state: string }[] }).findings
        .filter(({ state }) => state === 'fail')
        .map(({ check }) => check);

    const one = await unreachable.json('doctor');
    const other = await misset.json('doctor');

    assert.deepEqual([one.code, failing(one.value)], [1, ['database', 'mail']]);
    assert.deepEqual([other.code, failing(other.value)], [1, ['settings']]);
  });
});
