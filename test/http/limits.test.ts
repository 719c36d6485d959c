import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Answer,
  assertRefused,
  type Client,
  type OpenedClient,
  openClient,
  PASSWORD,
} from '../contracts/cookie/client.ts';

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

/** Asks as much as a network may, and once more. */
async function assertLimited(client: Client, headers: Record<string, string> = {}): Promise<void> {
  await failTimes(client, FAILURES, headers);
  assertRefused(await fail(client, headers), 429, 'RATE_LIMIT_EXCEEDED');
}

const behindProxy = { env: { GUICHET_TRUST_PROXY: '10.9.0.0/16,fd00::/8' } };
const PROXY = '10.9.0.1';

describe('wrong passwords from one network', () => {
  it('are limited to thirty in five minutes, with a Retry-After that counts down', async (t) => {
    const { account, client, clock } = await openClient(t);
    await account();
    await failTimes(client, FAILURES);
    const first = await client.signIn();
    assert.equal(first.status, 429);
    assert.deepEqual(first.body, {
      success: false,
      error: 'RATE_LIMIT_EXCEEDED',
      message: 'Too many requests. Please try again in 5 minutes.',
    });
    const waits = [first.headers['retry-after']];
    for (const seconds of [1, 60, 238]) {
      clock.advance({ seconds });
      waits.push((await client.signIn()).headers['retry-after']);
    }
    assert.deepEqual(waits, ['300', '299', '239', '1']);
    clock.advance({ seconds: 1 });
    assert.equal((await client.signIn()).status, 200);
  });

  it('round what is left of a second up, so that who waits that long gets in', async (t) => {
    const { client, clock } = await openClient(t);
    await failTimes(client, FAILURES);
    clock.advance({ minutes: 5, milliseconds: -1 });
    const answer = await fail(client);
    assertRefused(answer, 429, 'RATE_LIMIT_EXCEEDED');
    assert.equal(answer.headers['retry-after'], '1');
  });

  it('answer known and unknown addresses alike when it is limited', async (t) => {
    const { account, client } = await openClient(t);
    await account();
    await failTimes(client, FAILURES);
    const [known, unknown] = [await client.signIn(), await client.signIn('nobody@example.com')];
    assert.equal(known.text, unknown.text);
    const comparable = ({ headers: { date, 'x-request-id': id, ...rest } }: Answer) => rest;
    assert.deepEqual(comparable(known), comparable(unknown));
  });

  it('are no others’ business', async (t) => {
    const { account, another, client } = await openClient(t);
    await account();
    await assertLimited(client);
    assert.equal((await another().signIn()).status, 200);
  });

  it('are counted at reauthentication too', async (t) => {
    const { another, client, signedIn } = await openClient(t);
    const mine = await signedIn();
    const here = another({ address: '10.0.1.77' });
    await failTimes(client, FAILURES);
    const cookie = `accessToken=${mine.cookie('accessToken')}`;
    const answer = await here.post('/reauthenticate', { password: PASSWORD }, { cookie });
    assertRefused(answer, 429, 'RATE_LIMIT_EXCEEDED');
  });

  it('do not count where the password is right', async (t) => {
    const { account, client } = await openClient(t);
    await account();
    for (let count = 0; count < FAILURES + 5; count += 1) assert.equal((await client.signIn()).status, 200);
    await failTimes(client, FAILURES);
  });

  it('given side by side are limited alike', async (t) => {
    const { client } = await openClient(t);
    const answers = await Promise.all(Array.from({ length: 90 }, () => fail(client)));
    const wrong = answers.filter(({ status }) => status === 401).length;
    assert.ok(wrong <= FAILURES, `${wrong} passwords were evaluated`);
  });
});

describe('a client’s address', () => {
  it('is the socket’s, whatever a thousand made-up headers say', async (t) => {
    const { client } = await openClient(t);
    const random = (): string => Array.from({ length: 4 }, () => Math.floor(Math.random() * 256)).join('.');
    const value = (index: number): string =>
      [random(), `${random()}, ${random()}`, '::1', '127.0.0.1', 'a', ',,', ''][index % 7] ?? '';
    let answered = 0;
    for (let index = 0; index < 1000; index += 1) {
      const headers = {
        'x-forwarded-for': index === 500 ? 'x'.repeat(8000) : value(index),
        'x-real-ip': random(),
        forwarded: `for=${random()}`,
        'x-client-ip': random(),
        'cf-connecting-ip': random(),
        'true-client-ip': random(),
        'x-forwarded': random(),
      };
      const { status } = await fail(client, headers);
      if (status === 401) answered += 1;
      else assert.equal(status, 429);
    }
    assert.equal(answered, FAILURES);
  });

  it('is believed of a trusted proxy, and the nearest address that is none counts', async (t) => {
    const { another } = await openClient(t, behindProxy);
    const client = another({ address: PROXY });
    await assertLimited(client, { 'x-forwarded-for': '203.0.113.9' });
    for (const [forwarded, isSame] of [
      ['203.0.113.10', true],
      ['198.51.100.1, 203.0.113.9', true],
      ['198.51.100.1, 203.0.113.9, 10.9.0.2', true],
      ['203.0.113.9 , 10.9.0.2', true],
      ['203.0.113.9, 198.51.100.1', false],
      ['198.51.100.2', false],
    ] as const) {
      const { status } = await fail(client, { 'x-forwarded-for': forwarded });
      assert.equal(status, isSame ? 429 : 401, forwarded);
    }
  });

  it('is not believed of a peer that is no trusted proxy', async (t) => {
    const { another } = await openClient(t, behindProxy);
    const client = another({ address: '10.8.0.1' });
    for (let count = 0; count < FAILURES; count += 1) {
      const headers = { 'x-forwarded-for': `203.0.${count}.1` };
      assertRefused(await fail(client, headers), 401, 'INVALID_CREDENTIALS');
    }
    const answer = await fail(client, { 'x-forwarded-for': '198.51.100.1' });
    assertRefused(answer, 429, 'RATE_LIMIT_EXCEEDED');
  });

  it('that a trusted proxy tells in no known form disables no limit', async (t) => {
    const { another } = await openClient(t, behindProxy);
    const client = another({ address: PROXY });
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
      '0x7f000001',
    ];
    let evaluated = 0;
    for (let count = 0; count < 120; count += 1) {
      const { status } = await fail(client, { 'x-forwarded-for': `${odd[count % odd.length]}` });
      if (status === 401) evaluated += 1;
    }
    // Each value stands for itself, for the proxy, or for all that are unknown; none of them is a way around.
    assert.ok(evaluated <= 2 * FAILURES, `${evaluated} were evaluated`);
  });

  it('is shown in its session', async (t) => {
    const { account, another } = await openClient(t, behindProxy);
    await account();
    const client = another({ address: PROXY, headers: { 'x-forwarded-for': '::ffff:203.0.113.9' } });
    await client.signIn();
    const { body } = await client.get('/sessions');
    assert.deepEqual(
      (body.sessions as unknown as { ip: string }[]).map(({ ip }) => ip),
      ['203.0.113.9'],
    );
  });
});

describe('a client’s network', () => {
  const GROUPS: readonly (readonly [name: string, spread: string[], outside: string])[] = [
    ['a /24 of IPv4', ['192.0.2.1', '192.0.2.2', '192.0.2.77', '192.0.2.254', '192.0.2.0', '192.0.2.255'], '192.0.3.1'],
    [
      'a /64 of IPv6 in every spelling',
      [
        '2001:db8:1:2::1',
        '2001:DB8:1:2::2',
        '2001:0db8:0001:0002:0000:0000:0000:0003',
        '2001:db8:1:2:ffff:ffff:ffff:ffff',
        '2001:db8:1:2:0:0:192.0.2.1',
        '2001:db8:1:2::1%eth0',
      ],
      '2001:db8:1:3::1',
    ],
    [
      'IPv4 mapped into IPv6',
      ['127.0.0.2', '::ffff:127.0.0.2', '::FFFF:7f00:2', '0:0:0:0:0:ffff:127.0.0.9', '127.0.0.1'],
      '127.0.1.1',
    ],
  ];
  for (const [name, spread, outside] of GROUPS) {
    it(`is ${name}`, async (t) => {
      const { another } = await openClient(t);
      for (let count = 0; count < FAILURES; count += 1) {
        const client = another({ address: spread[count % spread.length] ?? '' });
        assertRefused(await fail(client), 401, 'INVALID_CREDENTIALS');
      }
      for (const address of spread)
        assertRefused(await fail(another({ address })), 429, 'RATE_LIMIT_EXCEEDED', address);
      assertRefused(await fail(another({ address: outside })), 401, 'INVALID_CREDENTIALS');
    });
  }

  it('that many share may do twenty times as much', async (t) => {
    const env = { GUICHET_SHARED_NETWORKS: '198.51.100.0/24, 2001:db8:5::/48' };
    const opened = await openClient(t, { env });
    const { another } = opened;
    for (const address of ['198.51.100.7', '::ffff:198.51.100.8', '2001:db8:5:1::1']) {
      const client = another({ address });
      await failTimes(client, FAILURES + 1);
      // The rest of six hundred, as if they had been given.
      await opened.handle.transaction((db) =>
        db
          .updateTable('rate_limit')
          .set({ count: 20 * FAILURES - 1 })
          .where('count', '>', FAILURES)
          .execute(),
      );
      assertRefused(await fail(client), 401, 'INVALID_CREDENTIALS');
      assertRefused(await fail(client), 429, 'RATE_LIMIT_EXCEEDED', address);
      await opened.handle.transaction((db) => db.deleteFrom('rate_limit').execute());
    }
    await assertLimited(another({ address: '198.51.101.7' }));
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

describe('sign-ups', () => {
  const register = (client: Client, email: string): Promise<Answer> =>
    client.post('/register', { email, name: 'Ada Lovelace', password: PASSWORD });

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
    const { another, client, handle } = await openClient(t);
    assert.equal((await register(client, 'first@example.com')).status, 201);
    await handle.transaction((db) =>
      db.updateTable('rate_limit').set({ count: 59 }).where('key', 'like', 'network:%').execute(),
    );
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
  const open = (t: { after(undo: () => unknown): void }): Promise<OpenedClient> =>
    openClient(t, { env: { GUICHET_RATE_LIMITS: 'off' } });

  it('nothing is limited by network or address', async (t) => {
    const { account, client, mails } = await open(t);
    await account('known@example.com', { verified: false });
    await failTimes(client, FAILURES + 10);
    for (let count = 0; count < 25; count += 1) {
      assert.equal((await client.post('/send-email-verification', { email: 'known@example.com' })).status, 200);
    }
    assert.equal((await mails('known@example.com')).length, 26);
    for (let count = 0; count < 12; count += 1) {
      const body = { email: 'known@example.com', name: 'Ada Lovelace', password: PASSWORD };
      assertRefused(await client.post('/register', body), 409, 'EMAIL_ALREADY_EXISTS');
    }
  });

  it('the lock after ten wrong passwords stays', async (t) => {
    const { account, another, clock } = await open(t);
    await account();
    for (let count = 0; count < 10; count += 1) {
      assertRefused(await another().signIn('john@example.com', WRONG), 401, 'INVALID_CREDENTIALS');
    }
    const locked = await another().signIn();
    assertRefused(locked, 423, 'ACCOUNT_LOCKED');
    assert.equal(locked.headers['retry-after'], '900');
    clock.advance({ minutes: 15 });
    assert.equal((await another().signIn()).status, 200);
  });

  it('single use of links stays', async (t) => {
    const { account, client, tokenFor } = await open(t);
    await account('once@example.com', { verified: false });
    const token = await tokenFor('once@example.com');
    assert.equal((await client.post('/verify-email', { token })).status, 200);
    assertRefused(await client.post('/verify-email', { token }), 400, 'INVALID_TOKEN');
  });
});

describe('the lock', () => {
  it('counts every spelling of an address together, from every network', async (t) => {
    const { account, another } = await openClient(t);
    await account('josé@example.com'.normalize('NFC'));
    const spellings = ['josé@example.com', 'JOSé@EXAMPLE.COM', ' josé@Example.com ', 'jose\u0301@example.com'];
    for (let count = 0; count < 10; count += 1) {
      const email = spellings[count % spellings.length] ?? '';
      assertRefused(await another().signIn(email, WRONG), 401, 'INVALID_CREDENTIALS');
    }
    for (const email of spellings) assertRefused(await another().signIn(email), 423, 'ACCOUNT_LOCKED');
  });

  it('is no weapon: who has signed in before still gets in, and so does a reset', async (t) => {
    const { another, client, signedIn, tokenFor } = await openClient(t);
    const owner = await signedIn();
    for (let count = 0; count < 10; count += 1) await client.signIn('john@example.com', WRONG);
    assertRefused(await client.signIn(), 423, 'ACCOUNT_LOCKED');
    assert.equal((await owner.get('/me')).status, 200);
    assert.equal((await owner.post('/refresh')).status, 200);
    assert.equal((await owner.signIn()).status, 200);
    await client.post('/forgot-password', { email: 'john@example.com' });
    const body = { token: await tokenFor('john@example.com'), password: 'NewSecurePassword123!' };
    assert.equal((await client.post('/reset-password', body)).status, 200);
    assert.equal((await another().signIn('john@example.com', 'NewSecurePassword123!')).status, 200);
  });

  it('doubles, and tells how long it lasts', async (t) => {
    const { account, another, clock } = await openClient(t);
    await account();
    for (const minutes of [15, 30, 60]) {
      for (let count = 0; count < 10; count += 1) await another().signIn('john@example.com', WRONG);
      const answer = await another().signIn();
      assertRefused(answer, 423, 'ACCOUNT_LOCKED');
      assert.equal(answer.headers['retry-after'], String(minutes * 60));
      clock.advance({ minutes });
    }
    assert.equal((await another().signIn()).status, 200);
  });
});
