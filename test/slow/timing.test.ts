import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ARGON2_PARAMETERS } from '../../src/crypto/password-hasher.ts';
import { type Answer, Client } from '../contracts/cookie/client.ts';
import { openStage, PASSWORD, type Stage, WRONG } from '../support/stage.ts';
import { alike, alikeInTurn, interleave, realClock, takesAsLong, tellsNothing } from './timings.ts';

/** Every caller is a network of its own, so that no limit is met. */
function callers(app: ConstructorParameters<typeof Client>[0]) {
  let count = 0;
  return (): Client => {
    count += 1;
    return new Client(app, { address: `10.${count >> 8}.${count & 255}.1` });
  };
}

async function open(
  t: TestContext,
  argon2 = ARGON2_PARAMETERS as { [Name in keyof typeof ARGON2_PARAMETERS]: number },
) {
  const stage = await openStage(t, { overrides: { argon2, clock: realClock } });
  return { ...stage, caller: stage.caller, client: callers(await stage.server()) };
}

const QUICK = { memoryCost: 64, timeCost: 1, parallelism: 1, outputLen: 32 };

/** Accounts with one password, whose hash is made once. */
async function people(stage: Stage, count: number, verified = true): Promise<string[]> {
  const hash = await stage.world.hasher.hash(PASSWORD);
  const emails: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const email = stage.address('known');
    const { id } = await stage.identity.createAccount({ email, verified });
    await stage.world.store.transaction(({ passwords }) => passwords.replace(id, hash, stage.clock.now()));
    emails.push(email);
  }
  return emails;
}

describe('nobody can tell by the answer or its time', () => {
  it('whether an account exists, at sign-in', async (t) => {
    const world = await open(t);
    const known = await people(world, 40);
    const signIn = (email: string) => world.client().ask('POST', '/login', { body: { email, password: WRONG } });
    const measured = await interleave(
      40,
      (index) => signIn(known[index] ?? ''),
      () => signIn(world.address('unknown')),
    );
    tellsNothing(t, 'sign-in', measured);
  });

  it('whether an address is taken, before the answer says so', async (t) => {
    const world = await open(t);
    const known = await people(world, 20);
    const signUp = (email: string) =>
      world.client().ask('POST', '/register', { body: { email, name: 'Ada', password: PASSWORD } });
    const measured = await interleave(
      20,
      (index) => signUp(known[index] ?? ''),
      () => signUp(world.address('unknown')),
    );
    takesAsLong(t, 'sign-up', measured);
  });

  it('whether an account exists, when a reset is asked for', async (t) => {
    const world = await open(t, QUICK);
    const known = await people(world, 40);
    const forgot = (email: string) => world.client().ask('POST', '/forgot-password', { body: { email } });
    const measured = await interleave(
      40,
      (index) => forgot(known[index] ?? ''),
      () => forgot(world.address('unknown')),
    );
    tellsNothing(t, 'reset', measured);
  });

  it('whether an account exists, when a verification is asked for again', async (t) => {
    const world = await open(t, QUICK);
    const known = await people(world, 40, false);
    const resend = (email: string) => world.client().ask('POST', '/send-email-verification', { body: { email } });
    const measured = await interleave(
      40,
      (index) => resend(known[index] ?? ''),
      () => resend(world.address('unknown')),
    );
    tellsNothing(t, 'verification', measured);
  });

  it('whether an account exists, by how the tenth wrong password and the lock are answered', async (t) => {
    const world = await open(t, QUICK);
    const [known] = await people(world, 1);
    const answersFor = async (email: string): Promise<Answer[]> => {
      const answers: Answer[] = [];
      for (let time = 0; time < 12; time += 1)
        answers.push(await world.client().ask('POST', '/login', { body: { email, password: WRONG } }));
      return answers;
    };
    const [first, second] = [await answersFor(known ?? ''), await answersFor(world.address('unknown'))];
    alikeInTurn(first, second);
    assert.deepEqual(
      first.map(({ status }) => status),
      [...Array(10).fill(401), 423, 423],
    );
  });

  it('which state an account is in, without its password', async (t) => {
    const world = await open(t, QUICK);
    const [fine, locked] = await people(world, 2);
    const [unverified] = await people(world, 1, false);
    const { uuid } = await world.identity.findAccount({ name: locked ?? '' });
    await world.identity.lockAccount({ uuid });
    const { email: passwordless } = await world.identity.createAccount({ email: world.address(), verified: true });
    const answers: Answer[] = [];
    for (const email of [fine, locked, unverified, passwordless, world.address('unknown')]) {
      answers.push(await world.client().ask('POST', '/login', { body: { email, password: WRONG } }));
    }
    answers.push(await world.client().ask('POST', '/login', { body: { email: locked, password: PASSWORD } }));
    alike(...answers);
  });
});
