import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ARGON2_PARAMETERS, type Argon2Parameters } from '../../src/crypto/password-hasher.ts';
import { type Answer, type Client, type OpenedClient, openClient, PASSWORD } from '../contracts/sanctum/client.ts';
import { interleave, realClock, type Seen, tellsNothing } from './timings.ts';

const PAIRS = 30;
const WRONG = 'not the password';
const QUICK = { memoryCost: 64, timeCost: 1, parallelism: 1, outputLen: 32 };

type People = 'known' | 'unproven' | 'disabled' | 'invited';
const STATES: People[] = ['known', 'unproven', 'disabled', 'invited'];

let nobodies = 0;
const nobody = (): string => {
  nobodies += 1;
  return `nobody${nobodies}@example.com`;
};

const open = (t: TestContext, argon2: Argon2Parameters = QUICK): Promise<OpenedClient> =>
  openClient(t, { overrides: { argon2, clock: realClock } });

/** What is drawn anew for each is no difference, but how long it is. */
const seen = async (answer: Promise<Answer>): Promise<Seen> => {
  const { headers, status, text } = await answer;
  const cookies = [headers['set-cookie'] ?? []].flat().map((line) => String(line).replace(/[\w-]{20,}/g, 'x'));
  return { status, text, headers: { ...headers, 'set-cookie': cookies } };
};

/** As many accounts of one kind as there are pairs; the password is hashed once. */
async function people(world: OpenedClient, kind: People): Promise<string[]> {
  const hash = await world.world.hasher.hash(PASSWORD);
  const emails: string[] = [];
  for (let made = 0; made < PAIRS; made += 1) {
    const email = `${kind}${made}@example.com`;
    const { id, uuid } = await world.identity.createAccount({
      email,
      verified: kind !== 'unproven' && kind !== 'invited',
    });
    if (kind !== 'invited')
      await world.world.store.transaction(({ passwords }) => passwords.replace(id, hash, Date.now()));
    if (kind === 'disabled') await world.identity.lockAccount({ uuid });
    emails.push(email);
  }
  await world.handle.transaction((db) => db.deleteFrom('rate_limit').execute());
  return emails;
}

async function browsers(world: OpenedClient): Promise<() => Client> {
  const ready: Client[] = [];
  for (let made = 0; made < 2 * PAIRS; made += 1) {
    const client = world.another();
    await client.csrfCookie();
    ready.push(client);
  }
  return () => ready.pop() ?? assert.fail();
}

/** Compares one kind of account with nobody. */
async function compare(
  t: TestContext,
  world: OpenedClient,
  kind: People,
  ask: (client: Client, email: string) => Promise<Answer>,
): Promise<void> {
  const emails = await people(world, kind);
  const next = await browsers(world);
  const measured = await interleave(
    PAIRS,
    (index) => seen(ask(next(), emails[index] ?? '')),
    () => seen(ask(next(), nobody())),
  );
  tellsNothing(t, kind, measured);
}

describe('nobody can tell by the answer of the sanctum contract or its time whether there is an account', () => {
  it('R014: at login with a wrong password, or with any where the account has none', async (t) => {
    const world = await open(t, ARGON2_PARAMETERS);
    for (const kind of STATES) {
      await compare(t, world, kind, (client, email) => client.post('/auth/login', { email, password: WRONG }));
    }
  });
});

describe('nor, where answers take even time,', { concurrency: 2 }, () => {
  for (const path of ['/auth/forgot-password', '/auth/setup-password-resend']) {
    it(`R015: at ${path}`, async (t) => {
      const world = await open(t);
      // Side by side: nearly all of an even answer's time is waiting.
      await Promise.all(STATES.map((kind) => compare(t, world, kind, (client, email) => client.post(path, { email }))));
    });
  }
});

describe('nor', () => {
  it('by an invitation’s link of somebody’s number with another hash', async (t) => {
    const world = await open(t);
    const ids: number[] = [];
    for (const email of await people(world, 'invited'))
      ids.push((await world.identity.findAccount({ name: email })).id);
    const client = world.another();
    await client.csrfCookie();
    const look = (id: number) =>
      seen(client.get(`/auth/setup-password/${id}/${'0'.repeat(64)}?expires=9999999999&signature=${'0'.repeat(64)}`));
    for (let time = 0; time < 50; time += 1) await look(4711);
    const measured = await interleave(
      10 * PAIRS,
      (index) => look(ids[index % PAIRS] ?? 0),
      (index) => look(4711 + index),
    );
    tellsNothing(t, 'link', measured);
  });
});
