import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasPostgres, makePostgresDatabase, sqliteFile } from '../support/databases.ts';
import { startServer } from '../support/running-server.ts';
import { SECRET } from '../support/world.ts';

const COMMAND = fileURLToPath(new URL('../../bin/guichet.js', import.meta.url));
const EMAIL = 'jean@example.com';
const PASSWORD = 'a quiet correct horse';

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** What the front end reads of a user; the permissions have no order. */
interface User {
  id: number;
  current_site_id: number | null;
  roles: string[];
  permissions: string[];
  sites: { id: number; name: string; is_headquarters: boolean }[];
  [key: string]: unknown;
}

/** A server in a process of its own, the command beside it, and a browser with the front end. */
async function openBoth(t: TestContext, database: 'sqlite' | 'postgres') {
  const folder = mkdtempSync(join(tmpdir(), 'guichet-beside-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const url =
    database === 'postgres' ? await makePostgresDatabase(t, { migrated: true }) : `sqlite:${await sqliteFile(folder)}`;
  const env = { GUICHET_DATA_DIR: folder, GUICHET_DATABASE_URL: url, GUICHET_SECRET: SECRET };
  const server = await startServer(env);
  t.after(() => server.kill());

  const guichet = (...args: string[]): Promise<Ended> =>
    new Promise((resolve) => {
      const options = { env: { PATH: process.env['PATH'], ...env } };
      execFile(process.execPath, [COMMAND, ...args], options, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });
  /** @returns the one JSON value that it printed */
  const json = async (...args: string[]): Promise<unknown> => {
    const { code, stderr, stdout } = await guichet(...args, '--json');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^[^\n]+\n$/);
    return JSON.parse(stdout);
  };

  const jar = new Map<string, string>();
  const ask = async (method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> => {
    const origin = 'http://localhost:5173';
    const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, {
      method,
      headers: {
        Accept: 'application/json',
        'Content-Type': 'application/json',
        'X-Requested-With': 'XMLHttpRequest',
        Origin: origin,
        Referer: `${origin}/`,
        Cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
        'X-XSRF-TOKEN': jar.get('XSRF-TOKEN') ?? '',
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';')[0] ?? '').split('=');
      jar.set(name, value);
    }
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
  };
  const user = async (): Promise<User> => {
    const { body, status } = await ask('GET', '/api/v1/user');
    assert.equal(status, 200);
    const { data } = body as { data: User };
    return { ...data, permissions: data.permissions.toSorted() };
  };
  return { ask, guichet, json, user };
}

/** Asks again until the answer is as it should be, a second long: as long as what an operator did may take. */
async function withinASecond(claim: () => Promise<void>): Promise<void> {
  const end = performance.now() + 1000;
  for (;;) {
    const askedAt = performance.now();
    try {
      return await claim();
    } catch (error) {
      if (askedAt > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const rightsOf = ({ current_site_id, permissions, roles, sites }: User) => ({
  current_site_id,
  permissions,
  roles,
  sites,
});
const create = ['account', 'create', '--email', EMAIL, '--password', PASSWORD, '--first-name', 'Jean'];
const asDocumented = [...create, '--last-name', 'Dupont', '--username', 'jdupont', '--locale', 'fr', '--verified'];

for (const database of ['sqlite', 'postgres'] as const) {
  describe(`the command beside a running server on ${database}`, {
    skip: database === 'postgres' && !hasPostgres,
  }, () => {
    it('makes sites and people and gives them roles, as the front end sees within a second', async (t) => {
      const { ask, guichet, json, user } = await openBoth(t, database);
      const [siege, lyon] = [
        { id: 1, name: 'Siège', is_headquarters: true },
        { id: 2, name: 'Lyon', is_headquarters: false },
      ];
      const made = await guichet('site', 'create', 'Siège', '--headquarters', '--json');
      assert.deepEqual(made, { code: 0, stdout: `${JSON.stringify(siege)}\n`, stderr: '' });
      const second = await guichet('site', 'create', 'Lyon', '--json');
      assert.deepEqual(second, { code: 0, stdout: `${JSON.stringify(lyon)}\n`, stderr: '' });

      await json(...asDocumented);
      await ask('GET', '/sanctum/csrf-cookie');
      const login = await ask('POST', '/api/v1/auth/login', { email: EMAIL, password: PASSWORD });
      assert.deepEqual(login, { status: 200, body: { two_factor: false } });
      const { avatar, created_at, updated_at, last_login_date, last_login_ip, ...shown } = await user();
      assert.deepEqual(shown, {
        id: 1,
        username: 'jdupont',
        first_name: 'Jean',
        last_name: 'Dupont',
        full_name: 'Jean Dupont',
        email: EMAIL,
        current_site_id: null,
        locale: 'fr',
        office_phone: null,
        cell_phone: null,
        incident_count: 0,
        maintenance_count: 0,
        cleaning_count: 0,
        item_count: 0,
        item_exit_count: 0,
        item_entry_count: 0,
        roles: [],
        permissions: [],
        sites: [],
        sites_with_roles: [],
        sites_with_permissions: [],
        deleted_at: null,
        deleted_by_id: null,
      });

      const permissions = ['company.view', 'company.viewAny'];
      await json('role', 'grant', EMAIL, 'admin', '--site', '1', '--permissions', 'company.viewAny,company.view');
      await withinASecond(async () => {
        const rights = rightsOf(await user());
        assert.deepEqual(rights, { current_site_id: 1, permissions, roles: ['admin'], sites: [siege] });
      });

      await json('role', 'grant', EMAIL, 'operator', '--site', '2', '--permissions', 'item.view');
      await withinASecond(async () => assert.deepEqual((await user()).sites, [siege, lyon]));
      assert.deepEqual(rightsOf(await user()), {
        current_site_id: 1,
        permissions,
        roles: ['admin'],
        sites: [siege, lyon],
      });
      const moved = await ask('PATCH', '/api/v1/user/site', { site_id: 2 });
      assert.equal(moved.status, 200);
      const there = { current_site_id: 2, permissions: ['item.view'], roles: ['operator'], sites: [siege, lyon] };
      assert.deepEqual(rightsOf((moved.body as { user: User }).user), there);

      // A role of the name has its permissions already: another grant adds to them.
      await json('role', 'grant', EMAIL, 'admin', '--site', '2');
      await withinASecond(async () =>
        assert.deepEqual((await user()).permissions, ['company.view', 'company.viewAny', 'item.view']),
      );
      await json('role', 'revoke', EMAIL, 'admin', '--site', '2');
      await withinASecond(async () => assert.deepEqual(rightsOf(await user()), there));

      // Whoever is no member any more is at the next of their sites.
      await json('site', 'leave', EMAIL, '--site', '2');
      await withinASecond(async () =>
        assert.deepEqual(rightsOf(await user()), {
          current_site_id: 1,
          permissions,
          roles: ['admin'],
          sites: [siege],
        }),
      );

      await json('account', 'lock', EMAIL);
      await withinASecond(async () => {
        const out = await ask('GET', '/api/v1/user');
        assert.deepEqual(out, { status: 401, body: { message: 'Unauthenticated.' } });
      });
    });
  });
}

describe('the command beside a running server', () => {
  it('gives no role to an account whose address is unproven (rule 10), and says so', async (t) => {
    const { ask, guichet, json } = await openBoth(t, 'sqlite');
    await json('site', 'create', 'Lyon');
    await json(...create);
    const refused = await guichet('role', 'grant', EMAIL, 'admin', '--site', '1', '--json');
    assert.equal(refused.code, 1);
    assert.ok((JSON.parse(refused.stdout) as { error?: object }).error);
    await ask('GET', '/sanctum/csrf-cookie');
    const login = await ask('POST', '/api/v1/auth/login', { email: EMAIL, password: PASSWORD });
    const message = 'Your email address is not verified.';
    assert.deepEqual(login, { status: 422, body: { message, errors: { email: [message] } } });
  });
});
