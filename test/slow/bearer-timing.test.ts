import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ARGON2_PARAMETERS, type Argon2Parameters } from '../../src/crypto/password-hasher.ts';
import {
  type Answer,
  type Client,
  type OpenedClient,
  openClient,
  PASSWORD,
  WRONG,
} from '../contracts/bearer/client.ts';
import { SoftwareAuthenticator } from '../support/software-authenticator.ts';
import { alike, interleave, realClock, type Seen, takesAsLong, tellsNothing } from './timings.ts';

const PAIRS = 40;
const QUICK = { memoryCost: 64, timeCost: 1, parallelism: 1, outputLen: 32 };

type People = 'known' | 'unproven' | 'disabled' | 'without a password';
const STATES: People[] = ['known', 'unproven', 'disabled', 'without a password'];

const open = (t: TestContext, argon2: Argon2Parameters = QUICK): Promise<OpenedClient> =>
  openClient(t, { overrides: { argon2, clock: realClock } });

const seen = async (answer: Promise<Answer>): Promise<Seen> => (await answer) as Seen;

/** As many accounts of one kind as there are pairs; the password is hashed once. */
async function people(world: OpenedClient, kind: People, count = PAIRS): Promise<string[]> {
  const hash = await world.world.hasher.hash(PASSWORD);
  const emails: string[] = [];
  for (let made = 0; made < count; made += 1) {
    const verified = kind !== 'unproven';
    const { email, id, uuid } = await world.account({ password: null, verified });
    const now = Date.now();
    await world.world.store.transaction(async ({ linkedIdentities, passwords }) => {
      if (kind !== 'without a password') return passwords.replace(id, hash, now);
      const identity = { provider: 'github', subject: email, accountId: id, email, createdAt: now, lastUsedAt: null };
      assert.ok(await linkedIdentities.add(identity));
    });
    if (kind === 'disabled') await world.identity.lockAccount({ uuid });
    emails.push(email);
  }
  return emails;
}

/** Compares each kind of account with nobody, side by side: nearly all of an even answer's time is waiting. */
async function compare(
  t: TestContext,
  world: OpenedClient,
  kinds: People[],
  ask: (client: Client, email: string) => Promise<Answer>,
): Promise<void> {
  const known = await Promise.all(kinds.map((kind) => people(world, kind)));
  const measured = await Promise.all(
    known.map((emails) =>
      interleave(
        PAIRS,
        (index) => seen(ask(world.another(), emails[index] ?? '')),
        () => seen(ask(world.another(), world.address('nobody'))),
      ),
    ),
  );
  for (const [index, kind] of kinds.entries()) tellsNothing(t, kind, measured[index] ?? assert.fail());
}

describe('nobody can tell by the answer of the bearer contract or its time whether there is an account', () => {
  it('R014: at sign-in with a wrong password, or with any where the account has none', async (t) => {
    const world = await open(t, ARGON2_PARAMETERS);
    for (const kind of ['known', 'without a password', 'disabled'] as const) {
      const emails = await people(world, kind);
      const measured = await interleave(
        PAIRS,
        (index) => seen(world.another().signIn(emails[index] ?? '', WRONG)),
        () => seen(world.another().signIn(world.address('nobody'), WRONG)),
      );
      tellsNothing(t, kind, measured);
    }
  });

  it('R014: at sign-up, before the answer says that an address is taken', async (t) => {
    const world = await open(t);
    const taken = await people(world, 'known', 30);
    const measured = await interleave(
      30,
      (index) => seen(world.another().signUp(taken[index] ?? '')),
      () => seen(world.another().signUp(world.address('nobody'))),
    );
    takesAsLong(t, 'sign-up', measured);
  });
});

describe('nor, where answers take even time,', { concurrency: 2 }, () => {
  it('R015: when a magic link is asked for', async (t) => {
    const world = await open(t);
    await compare(t, world, STATES, (client, email) => client.post('/send-magic-link', { email }));
  });

  it('R015: when a reset is asked for', async (t) => {
    const world = await open(t);
    await compare(t, world, STATES, (client, email) => client.post('/forgot-password', { email }));
  });

  it('R015: when a verification is asked for again', async (t) => {
    const world = await open(t);
    await compare(t, world, STATES, (client, email) => client.post('/send-verification-email', { email }));
  });
});

describe('nor', () => {
  it('R019: when a passkey’s options are asked for, which are the same for all, and list nothing', async (t) => {
    const world = await open(t);
    const known: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      const { client, email } = await world.signedIn();
      await client.addPasskey(new SoftwareAuthenticator());
      known.push(email);
    }
    const ask = async (email: string): Promise<Seen> => {
      const { body, ...answer } = await world.another().post('/passkey/sign-in', { email });
      const { challenge, ...options } = body.options ?? { challenge: '' };
      assert.match(challenge, /^[\w-]{72}$/);
      // What is drawn anew for each is no difference.
      const headers = { ...answer.headers, 'content-length': answer.text.length };
      return { ...answer, headers, text: JSON.stringify({ ...body, options }) } as Seen;
    };
    const measured = await interleave(
      PAIRS,
      (index) => ask(known[index % known.length] ?? ''),
      () => ask(world.address('nobody')),
    );
    tellsNothing(t, 'options', measured);
    const [first] = measured.known;
    assert.doesNotMatch(first?.text ?? '', /allowCredentials":\[\{/);
  });

  it('R013: by the answer to a wrong password, whatever state the account is in', async (t) => {
    const world = await open(t);
    const answers: Seen[] = [];
    for (const kind of STATES) {
      const [email = ''] = await people(world, kind, 1);
      answers.push(await seen(world.another().signIn(email, WRONG)));
      answers.push(await seen(world.another().signIn(email, WRONG, { totpCode: '123456' })));
      if (kind === 'disabled' || kind === 'without a password')
        answers.push(await seen(world.another().signIn(email, PASSWORD)));
    }
    const { client, email } = await world.signedIn();
    const { body } = await client.post('/two-factor/enable', { password: PASSWORD });
    await client.post('/two-factor/verify', { code: world.totp(body.secret ?? '') });
    answers.push(await seen(world.another().signIn(email, WRONG)));
    answers.push(await seen(world.another().signIn(email, WRONG, { totpCode: '123456' })));
    answers.push(await seen(world.another().signIn(world.address('nobody'), WRONG)));
    answers.push(await seen(world.another().signIn(world.address('nobody'), WRONG, { totpCode: '123456' })));
    alike(...answers);
    assert.equal(answers[0]?.status, 401);
  });
});
