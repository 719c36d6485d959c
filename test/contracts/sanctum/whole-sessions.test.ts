import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { shared } from '../../support/shared.ts';
import { openWorld, type TestWorld } from '../../support/world.ts';
import { PASSWORD, SESSION, SPA, type User, XSRF } from './client.ts';

const NEW_PASSWORD = 'another quiet horse';
const run = promisify(execFile);

type Form = Record<string, string>;
interface Answer {
  status: number;
  /** Parsed, where it is JSON. */
  body: unknown;
  location: string | null;
}
/** Anything that keeps cookies and asks a server that really listens. */
interface Caller {
  ask(method: string, path: string, form?: Form, headers?: Form): Promise<Answer>;
  cookies(): Promise<Record<string, string>>;
}

interface Listening extends TestWorld {
  url: string;
  /** Somebody at two sites. */
  person(): Promise<{ email: string; sites: { id: number; name: string; is_headquarters: boolean }[] }>;
}

const world = shared(async (t): Promise<Listening> => {
  const opened = await openWorld(t, { env: { GUICHET_PORT: '0' } });
  const { port } = await opened.listen();
  const { identity } = opened;
  const siege = await identity.createSite({ name: 'Siège', isHeadquarters: true });
  const lyon = await identity.createSite({ name: 'Lyon', isHeadquarters: false });
  let people = 0;
  return {
    ...opened,
    url: `http://localhost:${port}`,
    async person() {
      const email = `jean${++people}@example.com`;
      const { uuid } = await identity.createAccount({
        email,
        password: PASSWORD,
        firstName: 'Jean',
        lastName: 'Dupont',
        verified: true,
      });
      await identity.grantRole({ uuid, role: 'admin', siteId: siege.id, permissions: ['company.view'] });
      await identity.grantRole({ uuid, role: 'operator', siteId: lyon.id, permissions: ['item.view'] });
      return {
        email,
        sites: [siege, lyon].map(({ id, name, isHeadquarters }) => ({ id, name, is_headquarters: isHeadquarters })),
      };
    },
  };
});

type BodyType = 'json' | 'form';
const JSON_HEADERS = { accept: 'application/json', referer: `${SPA}/` };
const contentTypes = { json: 'application/json', form: 'application/x-www-form-urlencoded' };
const encode = (form: Form, as: BodyType): string =>
  as === 'json' ? JSON.stringify(form) : new URLSearchParams(form).toString();
const parsed = (text: string): unknown => (/^[[{"]/.test(text) ? JSON.parse(text) : text);

/** Node’s own `fetch`, with cookies kept by hand. */
function fetching(as: BodyType): Caller {
  const jar = new Map<string, string>();
  return {
    cookies: async () => Object.fromEntries(jar),
    async ask(method, path, form, headers = {}) {
      const response = await fetch(`${world().url}${path}`, {
        method,
        redirect: 'manual',
        headers: {
          ...JSON_HEADERS,
          ...(form && { 'content-type': contentTypes[as] }),
          cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
          ...(jar.has(XSRF) && { 'x-xsrf-token': decodeURIComponent(jar.get(XSRF) ?? '') }),
          ...headers,
        },
        ...(form && { body: encode(form, as) }),
      });
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
        if (/; Max-Age=0(;|$)/i.test(line)) jar.delete(name);
        else jar.set(name, value);
      }
      return {
        status: response.status,
        body: parsed(await response.text()),
        location: response.headers.get('location'),
      };
    },
  };
}

/** One call with cURL, which keeps its jar in a file; the token is read out of it as a script does. */
const CURL = `token=$(awk '$6 == "${XSRF}" { print $7 }' "$JAR" 2>/dev/null)
exec curl --silent --show-error --noproxy '*' --cookie "$JAR" --cookie-jar "$JAR" --header "X-XSRF-TOKEN: $token" \
  --write-out '\\n%{http_code} %header{location}' "$@"`;

function curling(as: BodyType, jar: string): Caller {
  return {
    async cookies() {
      const { stdout } = await run('awk', ['NF == 7 { print $6 "=" $7 }', jar]);
      return Object.fromEntries(
        stdout
          .split('\n')
          .filter(Boolean)
          .map((line) => line.split(/=(.*)/s).slice(0, 2)),
      );
    },
    async ask(method, path, form, headers = {}) {
      const sent = { ...JSON_HEADERS, ...(form && { 'content-type': contentTypes[as] }), ...headers };
      const encoded =
        as === 'json'
          ? ['--data-raw', JSON.stringify(form)]
          : Object.entries(form ?? {}).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`]);
      const { stdout } = await run(
        'bash',
        [
          '-c',
          CURL,
          'curl',
          '--request',
          method,
          ...Object.entries(sent).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
          ...(form ? encoded : []),
          `${world().url}${path}`,
        ],
        { env: { PATH: process.env['PATH'], JAR: jar } },
      );
      const [, text = '', status, location] = /^(.*)\n(\d{3}) (.*)$/s.exec(stdout) ?? assert.fail(stdout);
      return { status: Number(status), body: parsed(text), location: location || null };
    },
  };
}

const GUEST = { status: 401, body: { message: 'Unauthenticated.' }, location: null };
const done = (body: unknown, status = 200): Answer => ({ status, body, location: null });

/** From the first cookie to the end of it, and what each step answered, whole. */
async function liveThrough(caller: Caller): Promise<void> {
  const { email, sites } = await world().person();
  const [siege, lyon] = sites;
  const user = async (): Promise<User> => {
    const { status, body } = await caller.ask('GET', '/api/v1/auth/user');
    assert.equal(status, 200, JSON.stringify(body));
    return (body as { data: User }).data;
  };

  assert.deepEqual(await caller.ask('GET', '/sanctum/csrf-cookie'), done('', 204));
  assert.deepEqual(Object.keys(await caller.cookies()).sort(), [XSRF, SESSION].sort());
  assert.deepEqual(await caller.ask('GET', '/api/v1/auth/user'), GUEST);

  const wrong = 'The provided credentials are incorrect.';
  assert.deepEqual(
    await caller.ask('POST', '/api/v1/auth/login', { email, password: 'not this one' }),
    done({ message: wrong, errors: { email: [wrong] } }, 422),
  );
  assert.deepEqual(
    await caller.ask('POST', '/api/v1/auth/login', { email, password: PASSWORD }),
    done({ two_factor: false }),
  );

  const me = await user();
  assert.deepEqual([me.email, me.full_name, me.sites], [email, 'Jean Dupont', sites]);
  assert.deepEqual([me.current_site_id, me.roles, me.permissions], [siege?.id, ['admin'], ['company.view']]);

  const moved = { ...me, current_site_id: lyon?.id, roles: ['operator'], permissions: ['item.view'] };
  assert.deepEqual(
    await caller.ask('PATCH', '/api/v1/user/site', { site_id: String(lyon?.id) }),
    done({ message: 'Active site updated successfully.', user: moved, data: moved }),
  );
  assert.deepEqual(await user(), moved);

  assert.deepEqual(
    await caller.ask('PATCH', '/api/v1/user/locale', { locale: 'fr' }),
    done({ message: 'Préférence de langue mise à jour avec succès.', locale: 'fr' }),
  );
  assert.equal((await user()).locale, 'fr');

  assert.deepEqual(
    await caller.ask('PUT', '/api/v1/user/password', {
      current_password: PASSWORD,
      password: NEW_PASSWORD,
      password_confirmation: NEW_PASSWORD,
    }),
    done({ message: 'Mot de passe mis à jour avec succès.' }),
  );
  assert.equal((await user()).email, email);

  const before = await caller.cookies();
  assert.deepEqual(await caller.ask('POST', '/api/v1/auth/logout'), done('', 204));
  const after = await caller.cookies();
  assert.notEqual(after[SESSION], before[SESSION]);
  assert.notEqual(after[XSRF], before[XSRF]);
  assert.deepEqual(await caller.ask('GET', '/api/v1/auth/user'), GUEST);
  assert.deepEqual(
    await caller.ask('POST', '/api/v1/auth/login', { email, password: NEW_PASSWORD }),
    done({ two_factor: false }),
  );
}

/** Section 1: who asks for no JSON is sent home by a good login, and told as JSON what is wrong with a bad one. */
async function signInForAnything(caller: Caller): Promise<void> {
  const { email } = await world().person();
  const anything = { accept: '*/*' };
  await caller.ask('GET', '/sanctum/csrf-cookie', undefined, anything);
  const bad = await caller.ask(
    'POST',
    '/api/v1/auth/login',
    { email, password: 'no' },
    {
      ...anything,
      'x-requested-with': 'XMLHttpRequest',
    },
  );
  const wrong = 'The provided credentials are incorrect.';
  assert.deepEqual(bad, done({ message: wrong, errors: { email: [wrong] } }, 422));
  const good = await caller.ask('POST', '/api/v1/auth/login', { email, password: PASSWORD }, anything);
  assert.deepEqual(good, { status: 302, body: '', location: '/' });
  assert.equal((await caller.ask('GET', '/api/v1/auth/user')).status, 200);
}

/** 2.2: nothing that says which front end asks. */
async function askFromNowhere(caller: Caller): Promise<void> {
  const { email } = await world().person();
  const nowhere = { referer: '' };
  await caller.ask('GET', '/sanctum/csrf-cookie', undefined, nowhere);
  const login = await caller.ask('POST', '/api/v1/auth/login', { email, password: PASSWORD }, nowhere);
  assert.deepEqual(login, done({ two_factor: false }));
  assert.deepEqual(await caller.ask('GET', '/api/v1/auth/user', undefined, nowhere), GUEST);
  assert.equal((await caller.ask('GET', '/api/v1/auth/user')).status, 200);
}

for (const as of ['json', 'form'] as const) {
  const bodies = as === 'json' ? 'JSON bodies' : 'forms';

  describe(`a whole session by Node’s own fetch, with ${bodies}`, () => {
    it('goes from the first cookie through site, language and password to the end of it', () =>
      liveThrough(fetching(as)));
    it('1: with Accept: */* a good login is a 302 to /, a bad one 422 JSON', () => signInForAnything(fetching(as)));
    it('2.2: without Referer and Origin it can sign in, but is nobody to the API', () => askFromNowhere(fetching(as)));
  });

  const hasCurl = existsSync('/usr/bin/curl') || existsSync('/bin/curl');
  describe(`a whole session by cURL with a cookie jar, with ${bodies}`, { skip: hasCurl ? false : 'no curl' }, () => {
    const folder = shared(async (t) => {
      const made = mkdtempSync(join(tmpdir(), 'guichet-curl-'));
      t.after(() => rmSync(made, { recursive: true, force: true }));
      return made;
    });
    it('goes from the first cookie through site, language and password to the end of it', () =>
      liveThrough(curling(as, join(folder(), 'life'))));
    it('1: with Accept: */* a good login is a 302 to /, a bad one 422 JSON', () =>
      signInForAnything(curling(as, join(folder(), 'anything'))));
    it('2.2: without Referer and Origin it can sign in, but is nobody to the API', () =>
      askFromNowhere(curling(as, join(folder(), 'nowhere'))));
  });
}
