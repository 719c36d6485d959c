import assert from 'node:assert/strict';
import type { FastifyInstance } from 'fastify';
import { stepAt, totpAt } from '../../src/core/totp.ts';
import { Client, type OpenedClient, openClient, PASSWORD } from '../contracts/sanctum/client.ts';
import { watchingRepeats } from '../support/two-servers.ts';
import { openWorld, type TestWorld } from '../support/world.ts';

/** Whoever holds all that a browser's cookies hold, and comes from elsewhere. */
export function thiefOf(world: Pick<OpenedClient, 'another'>, victim: Client, ...only: string[]): Client {
  const thief = world.another();
  for (const [name, value] of victim.jar) if (only.length === 0 || only.includes(name)) thief.jar.set(name, value);
  return thief;
}

export async function confirm(client: Client, more: object = {}): Promise<void> {
  const answer = await client.post('/user/confirm-password', { password: PASSWORD, ...more });
  assert.equal(answer.status, 201, answer.text);
}

export interface Enrolled {
  secret: string;
  codes: string[];
  /** The code of now; the clock goes on by a minute first, so that it is a new one. */
  totp(): string;
}

/** Switches an authenticator on in a signed-in browser. */
export async function enrol({ clock }: Pick<TestWorld, 'clock'>, client: Client): Promise<Enrolled> {
  await confirm(client);
  assert.equal((await client.post('/user/two-factor-authentication', { force: true })).status, 200);
  const secret = (await client.get('/user/two-factor-secret-key')).body.secretKey ?? '';
  const codes = (await client.get('/user/two-factor-recovery-codes')).json as string[];
  const totp = (): string => {
    clock.advance({ seconds: 61 });
    return totpAt(secret, stepAt(clock.now()));
  };
  const on = await client.post('/user/confirmed-two-factor-authentication', { code: totp() });
  assert.equal(on.status, 200, on.text);
  return { secret, codes, totp };
}

/** A browser whose login waits for the second factor. */
export async function waiting(world: OpenedClient, email: string, more: object = {}): Promise<Client> {
  const client = world.another();
  const due = await client.login(email, PASSWORD, more);
  assert.deepEqual(due.json, { two_factor: true });
  return client;
}

export async function sessionsOf({ handle }: Pick<TestWorld, 'handle'>, id: number): Promise<string[]> {
  const rows = await handle.read.selectFrom('session').select('id').where('account_id', '=', id).execute();
  return rows.map((row) => row.id);
}

export interface Pair extends OpenedClient {
  /** A browser that reaches the other of two servers on the database with what this one holds. */
  beside(client: Client, index: number): Client;
  /** How often an event was recorded of an account. */
  recorded(uuid: string, kind: string): Promise<number>;
  /** How often a database had to do something twice, because two transactions waited for each other. */
  repeats(): number;
}

let networks = 0;

/** Two servers on one database. */
export async function openPair(
  t: { after(undo: () => unknown): void },
  options: Parameters<typeof openClient>[1] = {},
): Promise<Pair> {
  const world = await openClient(t, options);
  const { clock, settings } = world;
  const second = await openWorld(t, {
    ...options,
    env: { ...options.env, GUICHET_DATABASE_URL: settings.GUICHET_DATABASE_URL },
    overrides: { ...options.overrides, clock },
  });
  let repeats = 0;
  for (const { store } of [world.world, second.world]) {
    const onRepeat = (): void => {
      repeats += 1;
    };
    store.transaction = watchingRepeats({ ...store }, onRepeat).transaction;
  }
  const apps: FastifyInstance[] = [world.app, await second.server()];
  return {
    ...world,
    beside(client, index) {
      networks += 1;
      const address = `172.${16 + (networks >> 8)}.${networks & 255}.1`;
      const other = new Client(apps[index % 2] as FastifyInstance, { address });
      for (const [name, value] of client.jar) other.jar.set(name, value);
      return other;
    },
    async recorded(uuid, kind) {
      const events = await world.world.store.audit.list({ accountUuid: uuid, limit: 1000 });
      return events.filter((event) => event.kind === kind).length;
    },
    repeats: () => repeats,
  };
}

/** Calls everybody at once. */
export const atOnce = <T>(count: number, call: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => call(index)));

/** How often each occurs. */
export const tally = (items: readonly (string | number)[]): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(items, String)].sort().map(([item, all]) => [item, all.length]));
