import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { goodRedirects, hostileRedirects } from '../../core/hostile-redirects.ts';
import { openGitHub } from '../../support/github-look-alike.ts';
import type { WorldOptions } from '../../support/world.ts';
import { type Answer, type Client, type OpenedClient, openClient, PASSWORD, PREFIX, sharedWorld } from './client.ts';
import { openPage, press } from './mailed-pages.ts';

const PUBLIC = 'http://localhost:3000';
const GITHUB = { GUICHET_GITHUB_CLIENT_ID: 'Iv1.8a61f9b3a7aba766', GUICHET_GITHUB_CLIENT_SECRET: 'x'.repeat(40) };
const LISTED = 'https://app.example.com';

/** Every endpoint that takes an address to send people back to. */
const ENDPOINTS: Record<
  string,
  (of: { world: OpenedClient; member: Member; redirectUrl: unknown }) => Promise<Answer>
> = {
  'POST /send-magic-link': ({ member: { email }, redirectUrl, world }) =>
    world.another().post('/send-magic-link', { email, redirectUrl }),
  'POST /forgot-password': ({ member: { email }, redirectUrl, world }) =>
    world.another().post('/forgot-password', { email, redirectUrl }),
  'GET /oauth/github': ({ redirectUrl, world }) =>
    world.another().get(`/oauth/github?redirectUrl=${encodeURIComponent(String(redirectUrl))}`),
  'POST /oauth/github/link': ({ member: { client }, redirectUrl }) =>
    client.post('/oauth/github/link', { redirectUrl, password: PASSWORD }),
};

interface Member {
  client: Client;
  email: string;
}

function assertRefused(answer: Answer, what: string): void {
  const { body, headers, location, status } = answer;
  assert.equal(status, 400, `${what}: ${answer.text}`);
  assert.deepEqual(Object.keys(body), ['error', 'message', 'fields'], what);
  assert.equal(body.error, 'VALIDATION_ERROR', what);
  assert.deepEqual(Object.keys(body.fields ?? {}), ['redirectUrl'], what);
  assert.deepEqual([location, headers['set-cookie']], [undefined, undefined], what);
  assert.ok(!answer.text.includes('evil'), what);
}

/** Rows that a refused request must not leave. */
const leftOf = async ({ handle }: OpenedClient) => ({
  tokens: await handle.read.selectFrom('one_time_token').select('purpose').execute(),
  outbox: await handle.read.selectFrom('outbox').select('id').execute(),
});

const modes: { mode: string; origin: string; anyPort: boolean; options: WorldOptions }[] = [
  { mode: 'development mode', origin: 'http://localhost:5173', anyPort: true, options: { env: GITHUB } },
  {
    mode: 'GUICHET_ALLOWED_ORIGINS',
    origin: LISTED,
    anyPort: false,
    options: { env: { ...GITHUB, GUICHET_ALLOWED_ORIGINS: LISTED } },
  },
];

for (const { anyPort, mode, options, origin } of modes) {
  describe(`an address to be sent back to, with ${mode}`, () => {
    const world = sharedWorld(options);
    const spellings = hostileRedirects(origin, { anyPort });

    for (const [endpoint, ask] of Object.entries(ENDPOINTS)) {
      it(`R058: in ${spellings.length} hostile spellings is refused by ${endpoint}, and nothing is mailed`, async () => {
        assert.ok(spellings.length >= 60);
        const member = await world().signedIn();
        const before = await leftOf(world());
        for (const { plays, text: redirectUrl } of spellings) {
          const answer = await ask({ world: world(), member, redirectUrl });
          assertRefused(answer, `${plays}: ${JSON.stringify(redirectUrl)}`);
        }
        assert.deepEqual(await leftOf(world()), before);
        assert.ok((await world().mails(member.email)).every(({ links }) => links.length === 0));
      });
    }

    it('R058: in no other type than a text, nor twice', async () => {
      const member = await world().signedIn();
      for (const [endpoint, ask] of Object.entries(ENDPOINTS)) {
        if (endpoint.startsWith('GET')) continue;
        for (const redirectUrl of [null, 1, true, [], [`${origin}/`], { href: `${origin}/` }]) {
          assertRefused(await ask({ world: world(), member, redirectUrl }), `${endpoint}: ${redirectUrl}`);
        }
      }
      const evil = 'redirectUrl=https%3A%2F%2Fevil.example%2F';
      const good = `redirectUrl=${encodeURIComponent(`${origin}/`)}`;
      for (const query of [`${good}&${evil}`, `${evil}&${good}`, `${good}&${good}`]) {
        assertRefused(await world().another().get(`/oauth/github?${query}`), query);
      }
    });

    it('is taken by all of them where it begins with an allowed origin', async () => {
      const member = await world().signedIn();
      for (const [endpoint, ask] of Object.entries(ENDPOINTS)) {
        const answer = await ask({ world: world(), member, redirectUrl: `${origin}/app?tab=1#top` });
        assert.equal(answer.status, endpoint.startsWith('GET') ? 302 : 200, `${endpoint}: ${answer.text}`);
      }
    });

    it('is refused alike for an address that nobody has', async () => {
      const { another, address, signedIn } = world();
      const { email } = await signedIn();
      for (const path of ['/send-magic-link', '/forgot-password']) {
        const [known, unknown] = await Promise.all(
          [email, address()].map((to) => another().post(path, { email: to, redirectUrl: 'https://evil.example/' })),
        );
        assert.equal(known?.text, unknown?.text);
      }
    });
  });
}

describe('an address that was taken', () => {
  const world = sharedWorld({ env: { GUICHET_RATE_LIMITS: 'off' } });
  const good = [...goodRedirects('http://localhost:5173'), "http://localhost:5173/app?name='ada'"];

  /** The query and fragment as they were given, with the code in its place. */
  const expected = (redirectUrl: string, code: string | null): string => {
    const [before = '', fragment] = redirectUrl.split('#');
    const query = before.includes('?') ? `?${before.split('?')[1]}` : '';
    const said = code === null ? query : `${query === '' ? '?' : `${query}&`}code=${code}`;
    return fragment === undefined ? said : `${said}#${fragment}`;
  };
  const tailOf = (location: string): string => /[?#].*$/s.exec(location)?.[0] ?? '';

  it('is followed after a magic link with its query and fragment byte for byte', async () => {
    const { email } = await world().account();
    for (const redirectUrl of good) {
      world().clock.advance({ seconds: 1 });
      const asked = await world().another().post('/send-magic-link', { email, redirectUrl });
      // What is not followed as it was given is not to be taken.
      if (asked.status === 400) continue;
      const browser = world().another();
      const page = await openPage(browser, `/magic-link?token=${await world().linkToken(email, '/magic-link')}`);
      const done = await press(browser, page);
      assert.equal(done.status, 303, done.text);
      const location = done.location ?? '';
      const code = new URL(location).searchParams.get('code') ?? '';
      assert.match(code, /^[\w-]{43}$/);
      assert.equal(tailOf(location), expected(redirectUrl, code));
      assert.equal(new URL(location).origin, 'http://localhost:5173');
    }
  });

  it('is followed after a reset with its query and fragment byte for byte, and without a code', async () => {
    const { email } = await world().account();
    for (const [index, redirectUrl] of good.entries()) {
      world().clock.advance({ minutes: 2 });
      const asked = await world().another().post('/forgot-password', { email, redirectUrl });
      if (asked.status === 400) continue;
      const browser = world().another();
      const page = await openPage(
        browser,
        `/reset-password?token=${await world().linkToken(email, '/reset-password')}`,
      );
      const done = await press(browser, page, { password: `granite otter parade ${index}` });
      assert.equal(done.status, 303, done.text);
      assert.equal(tailOf(done.location ?? ''), expected(redirectUrl, null));
      assert.equal(new URL(done.location ?? '').origin, 'http://localhost:5173');
    }
  });

  it('R058: is not altered by what is added to the mailed link or to its form', async () => {
    const { email } = await world().account();
    const redirectUrl = 'http://localhost:5173/app?tab=1';
    const elsewhere = { redirectUrl: 'http://localhost:9999/', redirect_url: 'http://localhost:9999/' };
    for (const [asks, path, fields] of [
      ['/send-magic-link', '/magic-link', {}],
      ['/forgot-password', '/reset-password', { password: 'granite otter parade' }],
    ] as const) {
      assert.equal((await world().another().post(asks, { email, redirectUrl })).status, 200);
      const token = await world().linkToken(email, path);
      const browser = world().another();
      const page = await openPage(browser, `${path}?token=${token}&${new URLSearchParams(elsewhere)}`);
      assert.doesNotMatch(page.answer.text, /9999/);
      const done = await press(browser, page, { ...fields, ...elsewhere });
      assert.equal(done.status, 303, done.text);
      assert.ok(done.location?.startsWith(redirectUrl), done.location);
      assert.doesNotMatch(done.location ?? '', /9999/);
    }
  });

  it('stands in no mailed link', async () => {
    const { email } = await world().account();
    for (const path of ['/send-magic-link', '/forgot-password']) {
      await world().another().post(path, { email, redirectUrl: 'http://localhost:5173/app' });
    }
    const mails = await world().mails(email);
    assert.equal(mails.length, 2);
    for (const { html, links, text } of mails) {
      assert.doesNotMatch(`${text}${html}`, /5173/);
      assert.match(links[0] ?? '', /^http:\/\/localhost:3000\/(magic-link|reset-password)\?token=[\w-]{43}$/);
    }
  });
});

describe('an address that was taken, on the way back from a provider', () => {
  it('is followed with its query and fragment byte for byte, and cannot be altered on the way', async (t) => {
    const github = await openGitHub(t);
    const world = await openClient(t, {
      env: {
        GUICHET_RATE_LIMITS: 'off',
        GUICHET_GITHUB_CLIENT_ID: github.clientId,
        GUICHET_GITHUB_CLIENT_SECRET: github.clientSecret,
        GUICHET_GITHUB_BASE_URL: github.url,
        GUICHET_GITHUB_API_URL: github.apiUrl,
      },
    });
    for (const redirectUrl of [...goodRedirects('http://localhost:5173'), "http://localhost:5173/app?name='ada'"]) {
      const browser = world.another();
      const start = await browser.get(`/oauth/github?redirectUrl=${encodeURIComponent(redirectUrl)}`);
      if (start.status === 400) continue;
      const back = new URL(await github.signInAt(start.location ?? ''));
      const returned = await browser.askAt('GET', `${back.pathname}${back.search}&redirectUrl=http://localhost:9999/`);
      assert.equal(returned.status, 302, returned.text);
      const code = new URL(returned.location ?? '').searchParams.get('code') ?? '';
      const [before = '', ...fragment] = redirectUrl.split('#');
      const said = `${before}${before.includes('?') ? '&' : '?'}code=${code}`;
      assert.equal(returned.location, [said, ...fragment].join('#'));
    }
  });
});

describe('R057: the origin of a mailed link', () => {
  const LIES: Record<string, string>[] = [
    { 'x-forwarded-host': 'evil.example' },
    { 'x-forwarded-host': 'evil.example, localhost', 'x-forwarded-proto': 'https', 'x-forwarded-port': '443' },
    { forwarded: 'host=evil.example;proto=https' },
    { 'x-host': 'evil.example', 'x-original-host': 'evil.example', 'x-forwarded-server': 'evil.example' },
    { 'x-original-url': 'http://evil.example/', 'x-rewrite-url': 'http://evil.example/' },
    { origin: 'http://localhost:9999', referer: 'http://evil.example/' },
  ];
  const PATHS = ['/send-magic-link', '/forgot-password'];
  const onlyOurs = async (world: OpenedClient, email: string, origin = PUBLIC): Promise<number> => {
    const mails = await world.mails(email);
    for (const { html, links, text } of mails) {
      assert.doesNotMatch(`${text}${html}`, /evil|9999/);
      assert.ok(links.every((link) => link.startsWith(`${origin}/`)));
    }
    return mails.length;
  };

  describe('in development mode', () => {
    const world = sharedWorld({ env: { GUICHET_RATE_LIMITS: 'off' } });

    it('is the public URL’s, whatever a proxy that nobody trusts says', async () => {
      const { email } = await world().account();
      for (const headers of LIES) {
        for (const path of PATHS) {
          const asked = await world().another().post(path, { email }, { headers });
          assert.equal(asked.status, 200, asked.text);
        }
      }
      assert.equal(await onlyOurs(world(), email), LIES.length * PATHS.length);
    });

    it('is asked for under another name in vain', async () => {
      const { email } = await world().account();
      for (const host of ['evil.example', 'localhost.evil.example', 'localhost@evil.example', 'evil.example:3000']) {
        for (const path of PATHS) {
          const asked = await world().another().post(path, { email }, { headers: { host } });
          assert.equal(asked.status, 421, `${host}: ${asked.text}`);
        }
      }
      assert.equal(await onlyOurs(world(), email), 0);
    });

    it('is not read from an absolute target, and two hosts are none', async () => {
      const { email } = await world().account();
      const body = JSON.stringify({ email });
      await world().app.listen({ host: '127.0.0.1', port: 0 });
      const { port } = world().app.server.address() as { port: number };
      const post = async (target: string, ...hosts: string[]): Promise<number> => {
        const socket = connect(port, '127.0.0.1');
        const head = [
          `POST ${target} HTTP/1.1`,
          ...hosts.map((host) => `Host: ${host}`),
          'Content-Type: application/json',
          `Content-Length: ${body.length}`,
          'Connection: close',
        ];
        socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
        let answer = '';
        socket.setEncoding('latin1').on('data', (part: string) => {
          answer += part;
        });
        await once(socket, 'close');
        return Number(answer.split(' ')[1]);
      };
      const path = `${PREFIX}/send-magic-link`;
      assert.equal(await post(path, 'localhost'), 200);
      const mails = await onlyOurs(world(), email);
      assert.equal(mails, 1);
      for (const [target, ...hosts] of [
        [`http://evil.example${path}`, 'localhost'],
        [`http://evil.example${path}`, 'evil.example'],
        [`//evil.example${path}`, 'localhost'],
        [path, 'localhost', 'evil.example'],
        [path, 'evil.example', 'localhost'],
        [path, ''],
        [path],
      ] as const) {
        const status = await post(target, ...hosts);
        // Sent with the right origin, or not at all.
        if (status !== 200) assert.ok([400, 404, 421].includes(status), `${target} ${hosts}: ${status}`);
      }
      await onlyOurs(world(), email);
    });
  });

  it('is the public URL’s behind any Host in production', async (t) => {
    const sent: { text: string; html: string }[] = [];
    const world = await openClient(t, {
      env: {
        NODE_ENV: 'production',
        GUICHET_PUBLIC_URL: 'https://auth.example.org',
        GUICHET_MAIL_URL: 'smtp://127.0.0.1:9',
        GUICHET_TRUST_PROXY: '192.0.2.0/24',
      },
      overrides: { delivery: { send: async ({ html, text }) => void sent.push({ html: html ?? '', text }) } },
    });
    const { email } = await world.account();
    const lies = [{ host: 'evil.example' }, { host: 'evil.example', ...LIES[1] }, ...LIES];
    for (const address of ['10.1.2.3', '192.0.2.1']) {
      for (const headers of lies) {
        const asked = await world.another({ address }).post('/send-magic-link', { email }, { headers });
        if (asked.status !== 200) assert.ok([400, 403, 421].includes(asked.status), asked.text);
        await world.deliver();
        world.clock.advance({ hours: 3 });
      }
    }
    assert.ok(sent.length > 2, String(sent.length));
    for (const { html, text } of sent) {
      assert.doesNotMatch(text + html, /evil/);
      assert.match(text, /https:\/\/auth\.example\.org\/magic-link\?token=[\w-]{43}/);
    }
  });
});
