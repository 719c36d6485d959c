import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Answer,
  assertInvalid,
  type Client,
  cookieHeader,
  type OpenedClient,
  openClient,
  PASSWORD,
  sharedWorld,
} from './client.ts';
import {
  askOther,
  assertLater,
  assertTooMany,
  CREDENTIALS_WRONG,
  copyOf,
  rateOf,
  withTotp,
} from './two-factor-people.ts';

const WRONG = 'not this one';
const LOGIN = '/auth/login';

/** A browser that has its first cookie. */
async function visitor(world: OpenedClient, of: { address?: string } = {}): Promise<Client> {
  const client = world.another(of);
  await client.csrfCookie();
  return client;
}

const tryLogin = (client: Client, email: string, password = WRONG): Promise<Answer> =>
  client.post(LOGIN, { email, password });

const assertWrong = (answer: Answer): void => assertInvalid(answer, { email: [CREDENTIALS_WRONG] });

/** Wrong passwords, one after the other. */
async function fail(client: Client, email: string, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) assertWrong(await tryLogin(client, email));
}

function assertIn(answer: Answer): void {
  assert.deepEqual([answer.status, answer.json], [200, { two_factor: false }]);
}

describe('the limit of the login', () => {
  const world = sharedWorld();

  it('6.3, C8: counts failures down from five, and then refuses the right password too', async () => {
    const { email } = await world().account();
    const client = await visitor(world());
    for (const left of ['4', '3', '2', '1', '0']) {
      const answer = await tryLogin(client, email);
      assertWrong(answer);
      assert.deepEqual(rateOf(answer), ['5', left]);
      assert.equal(answer.headers['retry-after'], undefined);
      world().clock.advance({ seconds: 2 });
    }
    // A minute from the first of them.
    assert.equal(assertTooMany(world(), await tryLogin(client, email, PASSWORD), 'email'), 50);
    world().clock.advance({ seconds: 49 });
    assert.equal(assertTooMany(world(), await tryLogin(client, email, PASSWORD), 'email'), 1);
    world().clock.advance({ seconds: 1 });
    assertIn(await tryLogin(client, email, PASSWORD));
  });

  it('6.3: says when the minute is over in a 429 alone', async () => {
    const { email } = await world().account();
    const client = await visitor(world());
    for (let time = 0; time < 5; time += 1) {
      assert.equal((await tryLogin(client, email)).headers['x-ratelimit-reset'], undefined);
    }
    assertTooMany(world(), await tryLogin(client, email), 'email');
  });

  it('6.3: counts nothing that was refused by it', async () => {
    const { email } = await world().account();
    const client = await visitor(world());
    await fail(client, email, 5);
    for (let time = 0; time < 10; time += 1) assertTooMany(world(), await tryLogin(client, email), 'email');
    world().clock.advance({ seconds: 60 });
    const answer = await tryLogin(client, email);
    assertWrong(answer);
    assert.deepEqual(rateOf(answer), ['5', '4']);
  });

  it('6.3: is cleared by a success, which is told with all five and counts as none', async () => {
    const { email } = await world().account();
    const client = await visitor(world());
    for (let round = 0; round < 2; round += 1) {
      await fail(client, email, 4);
      const answer = await tryLogin(client, email, PASSWORD);
      assertIn(answer);
      assert.deepEqual(rateOf(answer), ['5', '5']);
    }
    for (let time = 0; time < 7; time += 1) assertIn(await tryLogin(client, email, PASSWORD));
    assert.deepEqual(rateOf(await tryLogin(client, email)), ['5', '4']);
  });

  it('6.3: is cleared by the right password of an account whose second factor is still due', async () => {
    const who = await withTotp(world());
    const client = await visitor(world());
    await fail(client, who.email, 4);
    const answer = await tryLogin(client, who.email, PASSWORD);
    assert.deepEqual([answer.json, ...rateOf(answer)], [{ two_factor: true }, '5', '5']);
  });

  it('6.3: counts for one address whatever way its e-mail is spelled', async () => {
    const email = 'spelled@bücher.example';
    await world().account(email);
    const client = await visitor(world());
    const spellings = [
      email,
      ' SPELLED@bücher.example ',
      'Spelled@BÜCHER.example',
      'spelled@xn--bcher-kva.example',
      'spelled@bu\u0308cher.example',
    ];
    for (const [index, spelled] of spellings.entries()) {
      const answer = await tryLogin(client, spelled);
      assertWrong(answer);
      assert.deepEqual(rateOf(answer), ['5', String(4 - index)], spelled);
    }
    for (const spelled of spellings) assertTooMany(world(), await tryLogin(client, spelled, PASSWORD), 'email');
  });

  it('6.3: counts at every path of the login together', async () => {
    const { email } = await world().account();
    const client = await visitor(world());
    const body = { email, password: WRONG };
    for (const [index, url] of ['/login', '/api/v1/login', '/api/v1/auth/login', '/login', '/login'].entries()) {
      const answer = await client.ask('POST', url, { body });
      assertWrong(answer);
      assert.deepEqual(rateOf(answer), ['5', String(4 - index)], url);
    }
    for (const url of ['/login', '/api/v1/login', '/api/v1/auth/login']) {
      assertTooMany(world(), await client.ask('POST', url, { body: { email, password: PASSWORD } }), 'email');
    }
  });

  it('6.3: is of one address of the caller: their neighbour’s failures are their own', async () => {
    const { email } = await world().account();
    const client = await visitor(world(), { address: '10.201.1.1' });
    const neighbour = await visitor(world(), { address: '10.201.1.2' });
    await fail(client, email, 5);
    assertTooMany(world(), await tryLogin(client, email), 'email');
    const answer = await tryLogin(neighbour, email);
    assert.deepEqual([answer.status, ...rateOf(answer)], [422, '5', '4']);
    assertIn(await tryLogin(neighbour, email, PASSWORD));
    // Nor does the neighbour's success clear it.
    assertTooMany(world(), await tryLogin(client, email, PASSWORD), 'email');
  });

  it('6.3: is of one e-mail: another account signs in from the same address', async () => {
    const [jean, anna] = [await world().account(), await world().account()];
    const client = await visitor(world());
    await fail(client, jean.email, 5);
    assertTooMany(world(), await tryLogin(client, jean.email), 'email');
    const answer = await tryLogin(client, anna.email, PASSWORD);
    assertIn(answer);
    assert.deepEqual(rateOf(answer), ['5', '5']);
  });

  it('R027: is not led astray by what a browser says of its address', async () => {
    const { email } = await world().account();
    const client = await visitor(world());
    await fail(client, email, 5);
    for (const name of ['x-forwarded-for', 'x-real-ip', 'forwarded']) {
      const headers = { [name]: name === 'forwarded' ? 'for=203.0.113.9' : '203.0.113.9' };
      const answer = await client.post(LOGIN, { email, password: PASSWORD }, { headers });
      assertTooMany(world(), answer, 'email');
    }
  });

  it('6.3: does not count what is no attempt', async () => {
    const { email } = await world().account();
    const client = await visitor(world());
    for (let time = 0; time < 6; time += 1) {
      assertInvalid(await client.post(LOGIN, { email }), { password: ['The password field is required.'] });
      assert.equal((await client.post(LOGIN, { email, password: WRONG }, { xsrf: 'x' })).status, 419);
    }
    assertIn(await tryLogin(client, email, PASSWORD));
  });

  it('6.3: does not count the right password of an account whose address is not proven', async () => {
    const { email } = await world().account(undefined, { verified: false });
    const client = await visitor(world());
    for (let time = 0; time < 6; time += 1) {
      const answer = await tryLogin(client, email, PASSWORD);
      assertInvalid(answer, { email: ['Your email address is not verified.'] });
      assert.deepEqual(rateOf(answer), ['5', '5']);
    }
  });

  it('R030: answers to an unknown e-mail as to a known one, in headers too, through the limit and the lock', async () => {
    const { email } = await world().account();
    const headersOf = ({ headers, setCookies }: Answer) => {
      const { date: _date, 'set-cookie': _cookies, 'x-request-id': _id, 'x-ratelimit-reset': reset, ...rest } = headers;
      const inSeconds = reset === undefined ? undefined : Number(reset) - Math.ceil(world().clock.now() / 1000);
      return { ...rest, inSeconds, cookies: setCookies.map((line) => line.replace(/=[^;]*/, '=')) };
    };
    /** Twelve wrong ones, five a minute. */
    const ask = async (typed: string) => {
      const client = await visitor(world());
      const told = [];
      for (let time = 0; time < 14; time += 1) {
        const answer = await tryLogin(client, typed);
        told.push({ status: answer.status, json: answer.json, headers: headersOf(answer) });
        if (time === 5 || time === 11) world().clock.advance({ seconds: 61 });
      }
      return told;
    };
    const known = await ask(email);
    assert.deepEqual(await ask('nobody.at.all@example.com'), known);
    assert.deepEqual(await ask('nobody'), known);
    assert.deepEqual(
      known.map(({ status }) => status),
      [422, 422, 422, 422, 422, 429, 422, 422, 422, 422, 422, 429, 429, 429],
    );
  });

  it('rule 22: thirty failures of one network in five minutes stop it, whichever e-mails they name', async () => {
    const { email } = await world().account();
    for (let person = 0; person < 30; person += 1) {
      const client = await visitor(world(), { address: `10.202.1.${person + 1}` });
      assertWrong(await tryLogin(client, `nobody${person}@example.com`));
    }
    const client = await visitor(world(), { address: '10.202.1.250' });
    assert.equal(assertLater(await tryLogin(client, email, PASSWORD), 'email'), 300);
    assertIn(await tryLogin(await visitor(world()), email, PASSWORD));
  });

  it('R021: evaluates at most five, of fifty wrong ones at once', async () => {
    const { email } = await world().account();
    const client = await visitor(world(), { address: '10.203.1.1' });
    const cookie = cookieHeader(client.jar);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => client.post(LOGIN, { email, password: WRONG }, { cookie })),
    );
    const wrong = answers.filter(({ status }) => status === 422);
    assert.ok(wrong.length <= 5, answers.map(({ status }) => status).join());
    for (const answer of wrong) assertWrong(answer);
    const row = await world()
      .handle.read.selectFrom('attempt')
      .select('total')
      .where('identifier_digest', '=', world().world.keyring.digest('identifier', email))
      .executeTakeFirst();
    assert.equal(row?.total, wrong.length);
    // What was refused beside them has taken nobody's place.
    for (let time = wrong.length; time < 5; time += 1) assertWrong(await tryLogin(client, email));
    assertTooMany(world(), await tryLogin(client, email), 'email');
  });

  it('C8: is of failures only: eight right ones at once all pass', async () => {
    const { email } = await world().account();
    const client = await visitor(world());
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        client.post(LOGIN, { email, password: PASSWORD }, { cookie: cookieHeader(client.jar) }),
      ),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      Array(8).fill(200),
    );
  });

  it('rule 6: finds an address with a capital letter beyond ASCII, which is not another’s', async () => {
    const { email } = await world().account('Émile@example.com');
    const client = await visitor(world());
    assertIn(await tryLogin(client, email, PASSWORD));
  });
});

/** Sign-in with e-mail and password in the other contracts; 401 is a wrong one, 423 a lock. */
const ELSEWHERE = {
  device: (world: OpenedClient, email: string, password = WRONG) =>
    askOther(world.another(), '/api/v1/auth/login', { identifier: email, password }),
  bearer: (world: OpenedClient, email: string, password = WRONG) =>
    askOther(world.another(), '/api/auth/sign-in', { email, password }),
  cookie: (world: OpenedClient, email: string, password = WRONG) =>
    askOther(world.another(), '/v1/auth/login', { email, password }),
};

describe('the lock of all contracts', () => {
  const world = sharedWorld();

  it('rule 20, R021: closes all four after ten wrong ones that were spread over them', async () => {
    const { email } = await world().account();
    const client = await visitor(world());
    const spread = ['device', 'bearer', 'cookie', 'sanctum'] as const;
    for (let time = 0; time < 10; time += 1) {
      const contract = spread[time % 4] ?? 'sanctum';
      if (contract === 'sanctum') assertWrong(await tryLogin(client, email.toUpperCase()));
      else assert.equal((await ELSEWHERE[contract](world(), email)).status, 401, contract);
    }
    for (const contract of ['device', 'bearer', 'cookie'] as const) {
      const answer = await ELSEWHERE[contract](world(), email, PASSWORD);
      assert.deepEqual([answer.status, answer.headers['retry-after']], [423, '900'], contract);
    }
    assert.equal(assertLater(await tryLogin(await visitor(world()), email, PASSWORD), 'email'), 900);
    world().clock.advance({ seconds: 899 });
    assert.equal(assertLater(await tryLogin(await visitor(world()), email, PASSWORD), 'email'), 1);
    world().clock.advance({ seconds: 1 });
    assertIn(await tryLogin(await visitor(world()), email, PASSWORD));
  });

  it('rule 20, 6.3: is told by this one with all headers of a 429, and none left', async () => {
    const { email } = await world().account();
    for (let time = 0; time < 10; time += 1) await ELSEWHERE.device(world(), email);
    assertTooMany(world(), await tryLogin(await visitor(world()), email, PASSWORD), 'email');
  });

  it('rule 20: from here is a 423 elsewhere, for unknown e-mails too', async () => {
    const { email } = await world().account();
    for (const typed of [email, 'unknown.and.locked@example.com']) {
      for (let browser = 0; browser < 2; browser += 1) await fail(await visitor(world()), typed, 5);
      for (const contract of ['device', 'bearer', 'cookie'] as const) {
        assert.equal((await ELSEWHERE[contract](world(), typed, PASSWORD)).status, 423, contract);
      }
      assertLater(await tryLogin(await visitor(world()), typed, PASSWORD), 'email');
    }
  });

  it('rule 20, R024: keeps out nobody who is known, nor anybody who is in', async () => {
    const { email } = await world().account();
    const client = world().another();
    assertIn(await client.login(email));
    const known = copyOf(world(), client);
    for (let time = 0; time < 10; time += 1) await ELSEWHERE.bearer(world(), email);
    assertLater(await tryLogin(await visitor(world()), email, PASSWORD), 'email');
    assert.equal((await client.user()).status, 200);
    assertIn(await known.login(email));
  });

  it('rule 20: mails its owner one link to lift it, once', async () => {
    const { email } = await world().account();
    for (let browser = 0; browser < 2; browser += 1) await fail(await visitor(world()), email, 5);
    await tryLogin(await visitor(world()), email);
    const mails = await world().mails(email);
    assert.equal(mails.length, 1);
    assert.match(mails[0]?.links[0] ?? '', /\/unlock\?token=/);
  });
});

describe('a login without limits', () => {
  const world = sharedWorld({ env: { GUICHET_RATE_LIMITS: 'off' } });

  it('rule 23: fails ten times in a minute, and is locked all the same', async () => {
    const { email } = await world().account();
    const client = await visitor(world());
    for (let time = 0; time < 10; time += 1) {
      const answer = await tryLogin(client, email);
      assertWrong(answer);
      assert.deepEqual(rateOf(answer), ['5', '5']);
    }
    assert.equal(assertLater(await tryLogin(client, email, PASSWORD), 'email'), 900);
    assert.equal((await ELSEWHERE.device(world(), email, PASSWORD)).status, 423);
  });
});

describe('a lock', () => {
  it('R029: and the minute’s count are there after a restart', async (t) => {
    const before = await openClient(t);
    const { email } = await before.account();
    await fail(await visitor(before, { address: '10.204.1.1' }), email, 5);
    await fail(await visitor(before, { address: '10.204.2.1' }), email, 4);
    const after = await openClient(t, {
      env: { GUICHET_DATABASE_URL: before.settings.GUICHET_DATABASE_URL },
      overrides: { clock: before.clock },
    });
    assertTooMany(after, await tryLogin(await visitor(after, { address: '10.204.1.1' }), email, PASSWORD), 'email');
    await fail(await visitor(after, { address: '10.204.2.1' }), email, 1);
    assertLater(await tryLogin(await visitor(after), email, PASSWORD), 'email');
  });
});
