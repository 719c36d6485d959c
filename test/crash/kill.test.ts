import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { hasPostgres } from '../support/databases.ts';
import type { Letter } from '../support/post-office.ts';
import { checkPost, lookInto, waiting } from './books.ts';
import { type Kind, killAgainAndAgain, LEASE_LATER, makePlace, until } from './cycles.ts';

/** Two tell most of it in seconds; `npm run test:kill`, which CI calls, takes ten. */
const CYCLES = Number(process.env['KILL_CYCLES'] ?? 2);
const EMAIL = 'ada@example.org';

describe('a server that is killed', { concurrency: true }, () => {
  for (const kind of ['sqlite', 'postgres'] as const) {
    const skip = kind === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;

    it(`loses nothing it said yes to, revives nothing, and leaves nothing by half, on ${kind}`, { skip }, (t) =>
      killAgainAndAgain(t, kind, CYCLES));

    it(`repeats a message under its Message-ID when it dies between the mail server's yes and its own mark, on ${kind}`, {
      skip,
    }, (t) => dieAfterYes(t, kind));
  }
});

async function dieAfterYes(t: TestContext, kind: Kind): Promise<void> {
  const { office, start, url } = await makePlace(t, kind);
  const first = await start();
  // It stands still while it is told yes, so it cannot have noted it when it dies.
  const died = new Promise<Letter>((resolve, reject) => {
    office.onLetter = (letter) => {
      process.kill(first.pid, 'SIGSTOP');
      return () => void first.kill().then(() => resolve(letter), reject);
    };
  });
  const body = { email: EMAIL, name: 'Ada Lovelace', password: 'analytical engines' };
  const { status } = await first.ask('POST', '/v1/auth/register', { body }).catch(() => ({ status: 'killed before it answered' }));
  const letter = await died;
  office.onLetter = undefined;
  assert.ok(status === 201 || status === 'killed before it answered', `registering: ${status}`);
  assert.equal(await lookInto(url, waiting), 1, 'for the server the message is still to be sent');

  const second = await start(LEASE_LATER);
  await until(() => office.letters.length === 2);

  assert.deepEqual(office.letters, [letter, letter]);
  const token = office.tokenFor(EMAIL, '/verify-email');
  assert.equal((await second.ask('POST', '/v1/auth/verify-email', { body: { token } })).status, 200);
  await lookInto(url, async (handle) => {
    await until(async () => (await waiting(handle)) === 0);
    await checkPost(handle, office.letters);
  });
}
