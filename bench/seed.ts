import { accessTokenOf } from '../src/core/access-token.ts';
import { type StartedSession, startSession } from '../src/core/session-start.ts';
import { ensureSigningKey } from '../src/core/signing-key.ts';
import type { World } from '../src/core/world.ts';
import { USER_AGENT } from './client.ts';

export const PASSWORD = 'a bench is no place to sleep';

/** One verified account with one live session. */
export interface Person {
  email: string;
  accessToken: string;
  refreshToken: string;
}

/** Accounts that one transaction makes. */
const TOGETHER = 200;

/** Fills an empty database: people with a verified address, the same password, and a session each. */
export async function seed(world: World, count: number, progress: (done: number) => void): Promise<Person[]> {
  await ensureSigningKey(world, 'cookie');
  const hash = await world.hasher.hash(PASSWORD);
  const caller = {
    address: '127.0.0.1',
    network: { key: '127.0.0.0/24', factor: 1 },
    userAgent: USER_AGENT,
    clientToken: null,
    locale: 'en',
  } as const;
  const started: StartedSession[] = [];
  while (started.length < count) {
    const first = started.length;
    const size = Math.min(TOGETHER, count - first);
    const made = await world.store.transaction(async (store) => {
      const some: StartedSession[] = [];
      for (let number = first; number < first + size; number += 1) {
        const now = world.clock.now();
        const email = emailOf(number);
        const id = await store.accounts.create({
          uuid: world.random.uuid(),
          name: `Person ${number}`,
          image: null,
          firstName: 'Person',
          lastName: String(number),
          username: `person${number}`,
          locale: 'en',
          createdAt: now,
          createdFrom: { address: caller.address, userAgent: caller.userAgent },
        });
        await store.identifiers.add({ accountId: id, kind: 'email', value: email, verifiedAt: now, now });
        await store.passwords.replace(id, hash, now);
        const account = await store.accounts.find(id);
        if (!account) throw new Error('an account that was just made is not there');
        some.push(
          await startSession({ ...world, store }, { account, contract: 'cookie', caller, secondFactor: false }),
        );
      }
      return some;
    });
    started.push(...made);
    progress(started.length);
  }
  // Signed last, so that the tokens live for as long as they can.
  const people: Person[] = [];
  for (const session of started) {
    const { account, secret: refreshToken } = session;
    people.push({ email: account.email ?? '', accessToken: await accessTokenOf(world, session), refreshToken });
  }
  return people;
}

const emailOf = (number: number): string => `person${number}@example.org`;
