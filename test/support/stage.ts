import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { Account } from '../../src/core/account.ts';
import { createIdentity, type Identity } from '../../src/core/identity.ts';
import type { LiveSession } from '../../src/core/session.ts';
import type { SignedIn } from '../../src/core/session-start.ts';
import type { SignIn } from '../../src/core/sign-in.ts';
import { ensureSigningKey } from '../../src/core/signing-key.ts';
import type { Caller, Clock, PasswordHasher, World } from '../../src/core/world.ts';
import { hasPostgres, makePostgresDatabase } from './databases.ts';
import { openWorld, type TestWorld } from './world.ts';

type Opening = { after(undo: () => unknown): void };

export const PASSWORD = 'violet hammock drift';
export const OTHER_PASSWORD = 'granite otter parade';
export const WRONG = 'not the password';

/** A world with people in it, whom no other test knows. */
export interface Stage extends TestWorld {
  /** Somebody who asks, from a network of their own unless one is named. */
  caller(of?: {
    network?: string;
    factor?: number;
    userAgent?: string | null;
    clientToken?: string | null;
    address?: string | null;
  }): Caller;
  /** An address nobody has. */
  address(local?: string): string;
  /** An account that an operator made, with {@link PASSWORD}. */
  person(of?: { verified?: boolean; password?: string; firstName?: string }): Promise<Account & { email: string }>;
  signIn(email: string, of?: { password?: string; caller?: Caller; identity?: Identity }): Promise<SignedIn>;
  /** Signs in for what it answers, a second factor included. */
  trySignIn(email: string, of?: { password?: string; caller?: Caller; identity?: Identity }): Promise<SignIn>;
  /** Wrong passwords, one after the other. */
  fail(email: string, times: number, caller?: Caller): Promise<void>;
  /** Ten wrong passwords in a row: nine through the store alone, and one that is given. */
  lock(email: string, caller?: Caller): Promise<void>;
  /** The session as a request that changes something finds it. */
  live(signedIn: { accessToken: string }): Promise<LiveSession>;
  refresh(refreshToken: string, caller?: Caller): ReturnType<Identity['rotateRefreshToken']>;
  /** The same session with a fresh access token. */
  refreshed(signedIn: { refreshToken: string }): Promise<{ accessToken: string; refreshToken: string }>;
  /** The core on the same store, with something of its world put in another's place. */
  identityWith(other: Partial<World>): Identity;
  /** What was recorded of an account, oldest first. */
  recorded(uuid: string): Promise<string[]>;
}

let worlds = 0;

async function stageOn(world: TestWorld): Promise<Stage> {
  for (const contract of world.derived.signingContracts) await ensureSigningKey(world.world, contract);
  worlds += 1;
  const number = worlds;
  let count = 0;
  const next = (): number => {
    count += 1;
    return count;
  };

  // What is made here is judged in tests of its own.
  const generous = createIdentity({ ...world.world, passwordAdvice: { flawOf: async () => undefined } });

  const stage: Stage = {
    ...world,
    caller: ({
      network = `network-${number}-${next()}`,
      factor = 1,
      userAgent = 'Otter/1.0',
      clientToken = null,
      address = '192.0.2.7',
    } = {}) => ({
      address,
      network: { key: network, factor },
      userAgent,
      clientToken,
      locale: 'en',
    }),
    address: (local = 'ada') => `${local}.${number}.${next()}@example.com`,
    async person({ verified = true, password = PASSWORD, firstName } = {}) {
      const email = stage.address();
      const account = await generous.createAccount({
        email,
        password,
        verified,
        ...(firstName && { firstName }),
      });
      return { ...account, email };
    },
    trySignIn: (email, { password = PASSWORD, caller = stage.caller(), identity = world.identity } = {}) =>
      identity.signInWithPassword({ contract: 'cookie', identifier: email, password, caller, mustBeProven: 'email' }),
    async signIn(email, of) {
      const answer = await stage.trySignIn(email, of);
      assert.equal(answer.outcome, 'signed_in');
      return answer as SignedIn;
    },
    async fail(email, times, caller) {
      for (let time = 0; time < times; time += 1) {
        await assert.rejects(stage.trySignIn(email, { password: WRONG, ...(caller && { caller }) }), {
          code: 'invalid_credentials',
        });
      }
    },
    async lock(email, caller = stage.caller()) {
      const { keyring, store } = world.world;
      const identifierDigest = keyring.digest('identifier', email);
      const client = caller.clientToken ? keyring.digest('known-client', caller.clientToken) : '*';
      await store.transaction(async ({ attempts }) => {
        const now = world.clock.now();
        for (let time = 0; time < 9; time += 1) {
          await attempts.reserve({ identifierDigest, client }, { places: 10, staleBefore: now, now });
          await attempts.fail({ identifierDigest, client }, { places: 10, lockFor: () => 0, hasAccount: true, now });
        }
      });
      await stage.fail(email, 1, caller);
    },
    live: ({ accessToken }) => world.identity.checkSession({ contract: 'cookie', accessToken, changes: true }),
    refresh: (refreshToken, caller = stage.caller()) =>
      world.identity.rotateRefreshToken({ contract: 'cookie', refreshToken, caller }),
    refreshed: ({ refreshToken }) => stage.refresh(refreshToken),
    identityWith: (other) => createIdentity({ ...world.world, ...other }),
    async recorded(accountUuid) {
      const events = await world.world.store.audit.list({ accountUuid, limit: 1000 });
      return events.map(({ kind }) => kind).reverse();
    },
  };
  return stage;
}

export type OpenStage = () => Promise<Stage>;

/**
 * Runs the same tests on SQLite and on PostgreSQL. Opening a world takes longer than what most tests do in it, so those
 * of a group share one, on PostgreSQL all groups; each test sees people of its own, and the clock goes on from test to test.
 */
export function onEachDatabase(name: string, tests: (open: OpenStage, database: 'sqlite' | 'postgres') => void): void {
  describe(`${name}, on SQLite`, () => {
    const undo: (() => unknown)[] = [];
    let world: Promise<TestWorld> | undefined;
    after(() => undoAll(undo));
    tests(() => {
      world ??= openWorld({ after: (step) => undo.push(step) });
      return enter(world);
    }, 'sqlite');
  });
  describe(`${name}, on PostgreSQL`, { skip: hasPostgres ? false : 'no PostgreSQL server' }, () =>
    tests(() => enter(sharedPostgresWorld()), 'postgres'),
  );
}

/** The next test's own people, and no mail of those before. */
async function enter(shared: Promise<TestWorld>): Promise<Stage> {
  const world = await shared;
  await world.handle.transaction(async (db) => {
    await db.deleteFrom('outbox').execute();
    await db.deleteFrom('mailbox_message').execute();
  });
  return stageOn(world);
}

async function undoAll(steps: (() => unknown)[]): Promise<void> {
  for (const step of steps.reverse()) await step();
}

let postgresWorld: Promise<TestWorld> | undefined;
const closing: (() => unknown)[] = [];
after(() => undoAll(closing));

/** Nobody pulls its plug, so commits need not wait for the disk. */
function sharedPostgresWorld(): Promise<TestWorld> {
  postgresWorld ??= (async () => {
    const opening: Opening = { after: (undo) => closing.push(undo) };
    const url = new URL(await makePostgresDatabase(opening, { migrated: true }));
    url.searchParams.set('options', '-c synchronous_commit=off');
    return openWorld(opening, { env: { GUICHET_DATABASE_URL: url.href.replaceAll('+', '%20') } });
  })();
  return postgresWorld;
}

/** A world of its own, with options. */
export const openStage = async (...options: Parameters<typeof openWorld>): Promise<Stage> =>
  stageOn(await openWorld(...options));

/** Stands still like the test's clock, but a wait takes its turn without turning it. */
export const patient = (clock: Clock): Clock => ({
  now: () => clock.now(),
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds / 2)),
});

/** Calls `between` after a password was found right or wrong, before anything is made of it. */
export const interrupted = (hasher: PasswordHasher, between: () => Promise<unknown>): PasswordHasher => ({
  ...hasher,
  async verify(stored, password) {
    const right = await hasher.verify(stored, password);
    await between();
    return right;
  },
});

/** Calls everybody at once and sorts the answers: values of the winners, codes (or messages) of the others' failures. */
export async function race<T>(
  count: number,
  call: (index: number) => Promise<T>,
): Promise<{ won: T[]; lost: string[] }> {
  const answers = await Promise.allSettled(Array.from({ length: count }, async (_, index) => call(index)));
  return {
    won: answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value),
    lost: answers
      .filter((answer) => answer.status === 'rejected')
      .map(({ reason }) => (reason.name === 'Failure' ? reason.code : `${reason.name}: ${reason.message}`)),
  };
}

/** How often each text occurs. */
export const tally = (texts: readonly string[]): Record<string, number> =>
  Object.fromEntries(
    Object.entries(Object.groupBy(texts, (text) => text)).map(([text, all]) => [text, all?.length ?? 0]),
  );
