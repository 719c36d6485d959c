import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Answer,
  assertRefused,
  type Client,
  type OpenedClient,
  openClient,
  PASSWORD,
  sharedWorld,
} from '../contracts/cookie/client.ts';
import { hasPostgres } from '../support/databases.ts';

const WRONG = 'a wrong password';
/** Wrong passwords that a network may give in five minutes. */
const FAILURES = 30;

/** One wrong password for an address that nobody asked for before, so that no lock of an address is met. */
let addresses = 0;
const fail = (client: Client, headers: Record<string, string> = {}): Promise<Answer> => {
  addresses += 1;
  return client.post(
    '/login',
    { email: `failing${addresses}@example.com`, password: WRONG },
    { headers, cookie: null },
  );
};

async function failTimes(client: Client, times: number, headers: Record<string, string> = {}): Promise<void> {
  for (let count = 0; count < times; count += 1) assertRefused(await fail(client, headers), 401, 'INVALID_CREDENTIALS');
}

/** Sets what is counted so far, as if the rest had been asked for one by one. */
const setCounts = ({ handle }: OpenedClient, count: number): Promise<unknown> =>
  handle.transaction((db) => db.updateTable('rate_limit').set({ count }).where('key', 'like', 'network:%').execute());

const forgetCounts = ({ handle }: OpenedClient): Promise<unknown> =>
  handle.transaction((db) => db.deleteFrom('rate_limit').execute());

/** Leaves a network one wrong password before its limit. */
async function exhaust(world: OpenedClient, client: Client, headers: Record<string, string> = {}): Promise<void> {
  await forgetCounts(world);
  await failTimes(client, 1, headers);
  await setCounts(world, FAILURES - 1);
  await failTimes(client, 1, headers);
}

const statuses = (answers: Answer[], status: number): number => answers.filter((one) => one.status === status).length;

const register = (client: Client, email: string): Promise<Answer> =>
  client.post('/register', { email, name: 'Ada Lovelace', password: PASSWORD });

describe('wrong passwords from one network', () => {
  const world = sharedWorld();

  it('are limited to thirty in five minutes, with a Retry-After that counts down', async () => {
    const { account, another, clock } = world();
    await account('counted@example.com');
    const client = another();
    await failTimes(client, FAILURES);
    const first = await client.signIn('counted@example.com');
    assert.equal(first.status, 429);
    assert.deepEqual(first.body, {
      success: false,
      error: 'RATE_LIMIT_EXCEEDED',
      message: 'Too many requests. Please try again in 5 minutes.',
    });
    const waits = [first.headers['retry-after']];
    for (const seconds of [1, 60, 238]) {
      clock.advance({ seconds });
      waits.push((await client.signIn('counted@example.com')).headers['retry-after']);
    }
    assert.deepEqual(waits, ['300', '299', '239', '1']);
    clock.advance({ seconds: 1 });
    assert.equal((await client.signIn('counted@example.com')).status, 200);
  });

  it('round what is left of a second up, so that who waits that long gets in', async () => {
    const { another, clock } = world();
    const client = another();
    await exhaust(world(), client);
    clock.advance({ minutes: 5, milliseconds: -1 });
    const answer = await fail(client);
    assertRefused(answer, 429, 'RATE_LIMIT_EXCEEDED');
    assert.equal(answer.headers['retry-after'], '1');
    clock.advance({ seconds: 1 });
    assertRefused(await fail(client), 401, 'INVALID_CREDENTIALS');
  });

  it('answer known and unknown addresses alike when it is limited', async () => {
    const { account, another } = world();
    await account('known@example.com');
    const client = another();
    await exhaust(world(), client);
    const [known, unknown] = [await client.signIn('known@example.com'), await client.signIn('nobody@example.com')];
    assertRefused(known, 429, 'RATE_LIMIT_EXCEEDED');
    assert.equal(known.text, unknown.text);
    const comparable = ({ headers: { date, 'x-request-id': id, ...rest } }: Answer) => rest;
    assert.deepEqual(comparable(known), comparable(unknown));
  });

  it('are no others’ business', async () => {
    const { account, another } = world();
    await account('others@example.com');
    await exhaust(world(), another());
    assert.equal((await another().signIn('others@example.com')).status, 200);
  });

  it('are limited at reauthentication and at a change of the password, too', async () => {
    const { another, signedIn } = world();
    const mine = await signedIn('mine@example.com');
    const cookie = `accessToken=${mine.cookie('accessToken')}`;
    const here = another();
    await exhaust(world(), here);
    const change = { currentPassword: PASSWORD, newPassword: 'NewSecurePassword123!' };
    assertRefused(await here.post('/reauthenticate', { password: PASSWORD }, { cookie }), 429, 'RATE_LIMIT_EXCEEDED');
    assertRefused(await here.put('/password', change, { cookie }), 429, 'RATE_LIMIT_EXCEEDED');
    await forgetCounts(world());
    assertRefused(await here.post('/reauthenticate', { password: WRONG }, { cookie }), 401, 'INVALID_CREDENTIALS');
    await setCounts(world(), FAILURES);
    assertRefused(await fail(here), 429, 'RATE_LIMIT_EXCEEDED');
  });

  it('are not counted where the password is right', async () => {
    const { account, another } = world();
    await account('right@example.com');
    const client = another();
    await failTimes(client, 1);
    await setCounts(world(), FAILURES - 1);
    for (let count = 0; count < 3; count += 1) assert.equal((await client.signIn('right@example.com')).status, 200);
    await failTimes(client, 1);
    assertRefused(await fail(client), 429, 'RATE_LIMIT_EXCEEDED');
  });
});

describe('a client’s address', () => {
  const world = sharedWorld();

  it('is the socket’s, whatever a thousand made-up headers say', async () => {
    const client = world().another();
    const random = (): string => Array.from({ length: 4 }, () => Math.floor(Math.random() * 256)).join('.');
    const values = [
      random,
      () => `${random()}, ${random()}`,
      () => '::1',
      () => '127.0.0.1',
      () => 'a',
      () => ',,',
      () => '',
    ];
    let evaluated = 0;
    for (let index = 0; index < 1000; index += 1) {
      const headers = {
        'x-forwarded-for': index === 500 ? 'x'.repeat(8000) : (values[index % values.length]?.() ?? ''),
        'x-real-ip': random(),
        forwarded: `for=${random()}`,
        'x-client-ip': random(),
        'cf-connecting-ip': random(),
        'true-client-ip': random(),
        'x-forwarded': random(),
      };
      const { status } = await fail(client, headers);
      if (status === 401) evaluated += 1;
      else assert.equal(status, 429);
    }
    assert.equal(evaluated, FAILURES);
  });
});

describe('a client’s address behind a proxy', () => {
  const world = sharedWorld({ env: { GUICHET_TRUST_PROXY: '10.9.0.0/16,fd00::/8' } });

  it('is believed of a trusted one, and the nearest address that is none counts', async () => {
    for (const address of ['10.9.0.1', '::ffff:10.9.0.1', 'fd00::1']) {
      const client = world().another({ address });
      await exhaust(world(), client, { 'x-forwarded-for': '203.0.113.9' });
      for (const [forwarded, isSame] of [
        ['203.0.113.10', true],
        ['198.51.100.1, 203.0.113.9', true],
        ['198.51.100.1,203.0.113.9,10.9.0.2', true],
        ['203.0.113.9 , 10.9.0.2', true],
        ['203.0.113.9, 198.51.100.1', false],
        ['198.51.101.2', false],
      ] as const) {
        const { status } = await fail(client, { 'x-forwarded-for': forwarded });
        assert.equal(status, isSame ? 429 : 401, `${address}: ${forwarded}`);
      }
    }
  });

  it('is not believed of a peer that is none', async () => {
    const client = world().another({ address: '10.8.0.1' });
    await exhaust(world(), client, { 'x-forwarded-for': '203.0.113.9' });
    assertRefused(await fail(client, { 'x-forwarded-for': '198.51.100.1' }), 429, 'RATE_LIMIT_EXCEEDED');
    assertRefused(await fail(client), 429, 'RATE_LIMIT_EXCEEDED');
  });

  it('that it tells in no known form disables no limit', async () => {
    await forgetCounts(world());
    const client = world().another({ address: '10.9.0.1' });
    const odd = [
      'a',
      ',,',
      'unknown',
      '_hidden',
      '203.0.113',
      '999.1.1.1',
      '1.2.3.4.5',
      "'; drop table",
      '[::1',
      ':::',
      '-',
    ];
    let evaluated = 0;
    for (let count = 0; count < 100; count += 1) {
      const { status } = await fail(client, { 'x-forwarded-for': odd[count % odd.length] ?? '' });
      if (status === 401) evaluated += 1;
      else assert.equal(status, 429);
    }
    // Each value stands for the proxy or for all that are unknown; none of them is a way around.
    assert.ok(evaluated <= 2 * FAILURES, `${evaluated} were evaluated`);
  });

  it('is shown in its session in one spelling', async () => {
    const { account, another } = world();
    await account('shown@example.com');
    const client = another({ address: '10.9.0.1', headers: { 'x-forwarded-for': '::ffff:203.0.113.9' } });
    await client.signIn('shown@example.com');
    const { body } = await client.get('/sessions');
    assert.deepEqual(
      body.sessions?.map(({ ip }) => ip),
      ['203.0.113.9'],
    );
  });
});

describe('a client’s network', () => {
  const world = sharedWorld({ env: { GUICHET_SHARED_NETWORKS: '198.51.100.0/24, 2001:db8:5::/48' } });

  const GROUPS: readonly (readonly [name: string, spread: string[], outside: string])[] = [
    ['a /24 of IPv4', ['192.0.2.1', '192.0.2.2', '192.0.2.77', '192.0.2.0', '192.0.2.255'], '192.0.3.1'],
    [
      'a /64 of IPv6 in every spelling',
      [
        '2001:db8:1:2::1',
        '2001:DB8:1:2::2',
        '2001:0db8:0001:0002:0000:0000:0000:0003',
        '2001:db8:1:2:ffff:ffff:ffff:ffff',
        '2001:db8:1:2:0:0:192.0.2.1',
      ],
      '2001:db8:1:3::1',
    ],
    [
      'the IPv4 one of IPv4 mapped into IPv6',
      ['127.0.0.2', '::ffff:127.0.0.2', '::FFFF:7f00:2', '127.0.0.1'],
      '127.0.1.1',
    ],
  ];
  for (const [name, spread, outside] of GROUPS) {
    it(`is ${name}`, async () => {
      const { another } = world();
      for (const first of spread) {
        await exhaust(world(), another({ address: first }));
        for (const address of spread) {
          assertRefused(await fail(another({ address })), 429, 'RATE_LIMIT_EXCEEDED', `${first}, then ${address}`);
        }
        assertRefused(await fail(another({ address: outside })), 401, 'INVALID_CREDENTIALS');
      }
    });
  }

  it('that many share may do twenty times as much', async () => {
    const { another } = world();
    for (const address of ['198.51.100.7', '::ffff:198.51.100.8', '2001:db8:5:1::1']) {
      const client = another({ address });
      await exhaust(world(), client);
      await failTimes(client, 1);
      await setCounts(world(), 20 * FAILURES - 1);
      await failTimes(client, 1);
      assertRefused(await fail(client), 429, 'RATE_LIMIT_EXCEEDED', address);
    }
    for (const address of ['198.51.101.7', '2001:db8:6:1::1']) {
      const client = another({ address });
      await exhaust(world(), client);
      assertRefused(await fail(client), 429, 'RATE_LIMIT_EXCEEDED', address);
    }
  });
});

describe('mails asked for', () => {
  it('to verify an address are five an hour, and the sixth is refused for known and unknown alike', async (t) => {
    const { account, another, clock, mails } = await openClient(t);
    await account('known@example.com', { verified: false });
    await account('proven@example.com');
    clock.advance({ hours: 1 });
    const texts: string[][] = [];
    for (const email of ['known@example.com', 'proven@example.com', 'nobody@example.com']) {
      const answers: Answer[] = [];
      for (let count = 0; count < 6; count += 1) {
        // Each from elsewhere and in another spelling: what counts is the address that is named.
        const spelled = count % 2 ? email : ` ${email.toUpperCase()} `;
        answers.push(await another().post('/send-email-verification', { email: spelled }));
      }
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 200, 200, 200, 429],
      );
      assert.equal(answers[5]?.headers['retry-after'], '3600');
      texts.push(answers.map(({ text }) => text));
    }
    assert.deepEqual(texts[1], texts[0]);
    assert.deepEqual(texts[2], texts[0]);
    // One at the sign-up, an hour before.
    assert.equal((await mails('known@example.com')).length, 6);
    assert.equal((await mails('proven@example.com')).length, 0);
  });

  it('to set a new password are one a minute and five an hour, silently', async (t) => {
    const { account, another, clock, mails } = await openClient(t);
    await account();
    const ask = async (): Promise<void> => {
      const answer = await another().post('/forgot-password', { email: 'john@example.com' });
      assert.equal(answer.status, 200);
    };
    await ask();
    await ask();
    assert.equal((await mails()).length, 1);
    for (let count = 0; count < 9; count += 1) {
      clock.advance({ minutes: 1 });
      await ask();
    }
    assert.equal((await mails()).length, 5);
  });

  it('are twenty an hour from one network, over all addresses', async (t) => {
    const { another, client, clock } = await openClient(t);
    const ask = (by: Client, index: number): Promise<Answer> =>
      by.post(index % 2 ? '/forgot-password' : '/send-email-verification', { email: `mail${index}@example.com` });
    for (let index = 0; index < 20; index += 1) assert.equal((await ask(client, index)).status, 200);
    clock.advance({ minutes: 10 });
    for (const index of [20, 21]) {
      const answer = await ask(client, index);
      assertRefused(answer, 429, 'RATE_LIMIT_EXCEEDED');
      assert.equal(answer.headers['retry-after'], '3000');
    }
    assert.equal((await ask(another(), 22)).status, 200);
  });
});

for (const database of ['sqlite', 'postgres'] as const) {
  const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;
  describe(`requests side by side from one network, on ${database}`, { skip }, () => {
    const world = skip ? () => assert.fail() : sharedWorld({ database });

    it('have thirty wrong passwords evaluated at most', async () => {
      const client = world().another();
      const answers = await Promise.all(Array.from({ length: 50 }, () => fail(client)));
      assert.equal(statuses(answers, 401) + statuses(answers, 429), 50);
      assert.equal(statuses(answers, 401), FAILURES);
    });

    it('hear that an address is taken ten times at most', async () => {
      const { account, another } = world();
      await account('taken@example.com');
      const client = another();
      const answers = await Promise.all(Array.from({ length: 20 }, () => register(client, 'taken@example.com')));
      assert.equal(statuses(answers, 409) + statuses(answers, 429), 20);
      assert.equal(statuses(answers, 409), 10);
    });

    it('ask for twenty mails at most', async () => {
      const client = world().another();
      const answers = await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          client.post('/forgot-password', { email: `side${index}@example.com` }),
        ),
      );
      assert.equal(statuses(answers, 200) + statuses(answers, 429), 30);
      assert.equal(statuses(answers, 200), 20);
    });

    it('ask five times at most for one address to be verified', async () => {
      const { account, another, mails } = world();
      await account('one@example.com', { verified: false });
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => another().post('/send-email-verification', { email: 'one@example.com' })),
      );
      assert.equal(statuses(answers, 200), 5);
      assert.equal(statuses(answers, 429), 7);
      // The sign-up's own mail is one of the five that an address is sent in an hour.
      assert.equal((await mails('one@example.com')).length, 5);
    });
  });
}

describe('sign-ups', () => {
  it('that meet a taken address are ten an hour from one network, and then none at all', async (t) => {
    const { account, another, client, clock } = await openClient(t);
    await account('taken@example.com');
    for (let count = 0; count < 10; count += 1) {
      assertRefused(await register(client, 'taken@example.com'), 409, 'EMAIL_ALREADY_EXISTS');
    }
    const [taken, free] = [await register(client, 'taken@example.com'), await register(client, 'free@example.com')];
    assertRefused(taken, 429, 'RATE_LIMIT_EXCEEDED');
    assert.equal(taken.text, free.text);
    assert.equal(taken.headers['retry-after'], '3600');
    assert.equal((await register(another(), 'elsewhere@example.com')).status, 201);
    clock.advance({ hours: 1 });
    assertRefused(await register(client, 'taken@example.com'), 409, 'EMAIL_ALREADY_EXISTS');
  });

  it('that make an account are sixty an hour from one network', async (t) => {
    const opened = await openClient(t);
    const { another, client } = opened;
    assert.equal((await register(client, 'first@example.com')).status, 201);
    await setCounts(opened, 59);
    assert.equal((await register(client, 'sixtieth@example.com')).status, 201);
    assertRefused(await register(client, 'next@example.com'), 429, 'RATE_LIMIT_EXCEEDED');
    assert.equal((await register(another(), 'next@example.com')).status, 201);
  });

  it('that are closed answer 403 for every address and make nothing', async (t) => {
    const { account, client, identity, mails } = await openClient(t, { env: { GUICHET_SIGN_UP: 'closed' } });
    await account('taken@example.com');
    const answers = [
      await register(client, 'taken@example.com'),
      await register(client, 'free@example.com'),
      await client.post('/register', { email: 'free@example.com', name: 'Ada Lovelace', password: 'weak' }),
    ];
    for (const answer of answers) {
      assertRefused(answer, 403, 'SIGN_UP_CLOSED');
      assert.equal(answer.text, answers[0]?.text);
    }
    await assert.rejects(identity.findAccount({ name: 'free@example.com' }), { code: 'not_found' });
    assert.deepEqual(await mails(), []);
    assert.equal((await client.signIn('taken@example.com')).status, 200);
  });
});

describe('with rates switched off', () => {
  const world = sharedWorld({ env: { GUICHET_RATE_LIMITS: 'off' } });

  it('nothing is limited by network or address', async () => {
    const { account, another, mails } = world();
    await account('known@example.com', { verified: false });
    const client = another();
    await failTimes(client, FAILURES + 3);
    for (let count = 0; count < 23; count += 1) {
      assert.equal((await client.post('/send-email-verification', { email: 'known@example.com' })).status, 200);
    }
    assert.equal((await mails('known@example.com')).length, 24);
    for (let count = 0; count < 12; count += 1) {
      assertRefused(await register(client, 'known@example.com'), 409, 'EMAIL_ALREADY_EXISTS');
    }
  });

  it('the lock after ten wrong passwords stays', async () => {
    const { account, another, clock } = world();
    await account('locked@example.com');
    for (let count = 0; count < 10; count += 1) {
      assertRefused(await another().signIn('locked@example.com', WRONG), 401, 'INVALID_CREDENTIALS');
    }
    const locked = await another().signIn('locked@example.com');
    assertRefused(locked, 423, 'ACCOUNT_LOCKED');
    assert.equal(locked.headers['retry-after'], '900');
    clock.advance({ minutes: 15 });
    assert.equal((await another().signIn('locked@example.com')).status, 200);
  });

  it('single use of links stays', async () => {
    const { account, another, tokenFor } = world();
    await account('once@example.com', { verified: false });
    const token = await tokenFor('once@example.com');
    assert.equal((await another().post('/verify-email', { token })).status, 200);
    assertRefused(await another().post('/verify-email', { token }), 400, 'INVALID_TOKEN');
  });
});

describe('the lock', () => {
  const world = sharedWorld();

  it('counts every spelling of an address together, from every network', async () => {
    const { account, another } = world();
    await account('josé@example.com'.normalize('NFC'));
    const spellings = [
      'jos\u00e9@example.com',
      'JOS\u00e9@EXAMPLE.COM',
      ' jos\u00e9@Example.com ',
      'jose\u0301@example.com',
    ];
    for (let count = 0; count < 10; count += 1) {
      const email = spellings[count % spellings.length] ?? '';
      assertRefused(await another().signIn(email, WRONG), 401, 'INVALID_CREDENTIALS');
    }
    for (const email of spellings) assertRefused(await another().signIn(email), 423, 'ACCOUNT_LOCKED');
  });

  it('is no weapon: who has signed in before still gets in, and so does a reset', async () => {
    const { another, clock, signedIn, tokenFor } = world();
    const email = 'weapon@example.com';
    const [owner, attacker] = [await signedIn(email), another()];
    for (let count = 0; count < 10; count += 1) await attacker.signIn(email, WRONG);
    assertRefused(await attacker.signIn(email), 423, 'ACCOUNT_LOCKED');
    assert.equal((await owner.get('/me')).status, 200);
    assert.equal((await owner.post('/refresh')).status, 200);
    assert.equal((await owner.signIn(email)).status, 200);
    clock.advance({ seconds: 1 });
    await owner.post('/forgot-password', { email });
    const body = { token: await tokenFor(email), password: 'NewSecurePassword123!' };
    assert.equal((await owner.post('/reset-password', body)).status, 200);
    assert.equal((await another().signIn(email, 'NewSecurePassword123!')).status, 200);
  });

  it('doubles, and tells how long it lasts', async () => {
    const { account, another, clock } = world();
    const email = 'doubles@example.com';
    await account(email);
    for (const minutes of [15, 30, 60]) {
      for (let count = 0; count < 10; count += 1) await another().signIn(email, WRONG);
      const answer = await another().signIn(email);
      assertRefused(answer, 423, 'ACCOUNT_LOCKED');
      assert.equal(answer.headers['retry-after'], String(minutes * 60));
      clock.advance({ minutes });
    }
    assert.equal((await another().signIn(email)).status, 200);
  });
});
