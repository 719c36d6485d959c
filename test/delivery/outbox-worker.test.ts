import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createKeyring, type Keyring } from '../../src/core/keyring.ts';
import { hours, minutes, seconds } from '../../src/core/time.ts';
import {
  type Delivery,
  DeliveryFailure,
  LONGEST_SEND_MILLISECONDS,
  type RenderedMessage,
} from '../../src/delivery/delivery.ts';
import { type OutboxWorkerParts, startOutboxWorker } from '../../src/delivery/outbox-worker.ts';
import { renderer } from '../../src/delivery/render.ts';
import { smtpDelivery } from '../../src/delivery/smtp.ts';
import { type DatabaseHandle, StoreUnavailable } from '../../src/store/database.ts';
import { type OutboxQueue, outboxQueue } from '../../src/store/outbox.ts';
import { eachDatabase, openTestSqlite } from '../support/databases.ts';
import {
  addTo,
  capturedLog,
  keyring,
  mailServer,
  NOON,
  random,
  refusal,
  resetMessage,
  stillClock,
} from './mail-world.ts';

const LEASE = 2 * LONGEST_SEND_MILLISECONDS;
const render = renderer({
  publicUrl: 'https://auth.example',
  spaUrl: 'https://app.example',
  setUpForm: 'page',
  serviceName: 'Guichet',
});
/** Each wait a fifth shorter. */
const shortest = { bytes: () => new Uint8Array([0]) };

function workerOn(
  handle: DatabaseHandle,
  delivery: Delivery,
  parts: Partial<OutboxWorkerParts> & { keys?: Keyring } = {},
) {
  const clock = stillClock();
  const { log, lines } = capturedLog();
  const queue = outboxQueue(handle, parts.keys ?? keyring);
  const worker = startOutboxWorker({
    queue,
    delivery,
    render,
    clock,
    random,
    log,
    by: 'one',
    pollMilliseconds: 0,
    ...parts,
  });
  return { ...worker, clock, lines, queue };
}

/** Takes every message, or does what it is told. */
function recording(
  onSend: (message: RenderedMessage) => void | Promise<void> = () => {},
): Delivery & { sent: RenderedMessage[] } {
  const sent: RenderedMessage[] = [];
  return {
    sent,
    async send(message) {
      await onSend(message);
      sent.push(message);
    },
  };
}

const busy = () => {
  throw new DeliveryFailure('EENVELOPE 451 at RCPT TO', { permanent: false });
};
const rowOf = (handle: DatabaseHandle) => handle.read.selectFrom('outbox').selectAll().executeTakeFirstOrThrow();

eachDatabase('the outbox worker', (open) => {
  it('sends a waiting message and erases it', async (t) => {
    const handle = await open(t);
    const delivery = recording();
    await addTo(handle, resetMessage({ token: 'canary-token' }));
    await workerOn(handle, delivery).runOnce();
    assert.deepEqual(
      delivery.sent.map(({ links }) => links),
      [['https://auth.example/reset-password?token=canary-token']],
    );
    const row = await rowOf(handle);
    assert.deepEqual([row.sealed, row.sent_at], [null, NOON]);
    assert.doesNotMatch(JSON.stringify(row), /canary-token/);
  });

  it('sends each of fifty messages once when two workers share them', async (t) => {
    const handle = await open(t);
    const delivery = recording();
    await addTo(handle, ...Array.from({ length: 50 }, () => resetMessage()));
    const workers = ['one', 'two'].map((by) => workerOn(handle, delivery, { by }));
    while ((await outboxQueue(handle, keyring).waiting()) > 0)
      await Promise.all(workers.map(({ runOnce }) => runOnce()));
    assert.equal(delivery.sent.length, 50);
    assert.equal(new Set(delivery.sent.map(({ id }) => id)).size, 50);
  });

  it('takes over from a worker that died, with the same Message-ID', async (t) => {
    const handle = await open(t);
    await addTo(handle, resetMessage());
    // The first one dies between the mail server's yes and the mark.
    const first = Promise.withResolvers<RenderedMessage>();
    const dying = workerOn(handle, {
      send(message) {
        first.resolve(message);
        return new Promise(() => {});
      },
    });
    dying.wake();
    const sentFirst = await first.promise;

    const delivery = recording();
    const other = workerOn(handle, delivery, { by: 'two' });
    other.clock.advance(LEASE - 1);
    await other.runOnce();
    assert.equal(delivery.sent.length, 0);
    other.clock.advance(1);
    await other.runOnce();
    assert.deepEqual(
      delivery.sent.map(({ messageId }) => messageId),
      [sentFirst.messageId],
    );
  });
});

describe('the outbox worker', () => {
  it('is woken by a commit', async (t) => {
    const handle = await openTestSqlite(t);
    const arrived = Promise.withResolvers<RenderedMessage>();
    const worker = workerOn(handle, recording(arrived.resolve));
    handle.onCommit(({ outbox }) => outbox && worker.wake());
    await addTo(handle, resetMessage());
    assert.equal((await arrived.promise).to, 'ada@example.com');
    await worker.stop();
    assert.equal(await worker.queue.waiting(), 0);
  });

  it('sees by itself what another process added', async (t) => {
    const handle = await openTestSqlite(t);
    const arrived = Promise.withResolvers<RenderedMessage>();
    await addTo(handle, resetMessage());
    const worker = workerOn(handle, recording(arrived.resolve), { pollMilliseconds: 1 });
    const alive = setInterval(() => {}, 1000); // the worker's own timer holds no process
    await arrived.promise;
    clearInterval(alive);
    await worker.stop();
  });

  it('sends eight at a time, and never waits for the slowest', async (t) => {
    const handle = await openTestSqlite(t);
    const slow = Promise.withResolvers<void>();
    let open = 0;
    let most = 0;
    let first = true;
    const delivery = recording(async () => {
      open += 1;
      most = Math.max(most, open);
      const wait = first;
      first = false;
      await (wait ? slow.promise : new Promise(setImmediate));
      open -= 1;
      if (delivery.sent.length === 28) slow.resolve();
    });
    await addTo(handle, ...Array.from({ length: 30 }, () => resetMessage()));
    await workerOn(handle, delivery).runOnce();
    assert.deepEqual([delivery.sent.length, most], [30, 8]);
  });

  it('waits longer after each failure, and repeats with the same Message-ID', async (t) => {
    const handle = await openTestSqlite(t);
    const ids = new Set<string>();
    const delivery = recording(({ messageId }) => {
      ids.add(messageId);
      busy();
    });
    const worker = workerOn(handle, delivery, { random: shortest });
    await addTo(handle, resetMessage({ expiresAt: NOON + hours(24) }));
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 8; attempt += 1) {
      await worker.runOnce();
      const wait = (await rowOf(handle)).next_attempt_at - worker.clock.now();
      waits.push(wait / 1000);
      worker.clock.advance(wait);
    }
    assert.deepEqual(waits, [0.8, 4, 24, 96, 480, 1440, 2880, 2880]);
    assert.equal(ids.size, 1);
  });

  it('tries a short-lived link often enough towards its end, and drops it after', async (t) => {
    const handle = await openTestSqlite(t);
    const worker = workerOn(handle, recording(busy));
    await addTo(handle, resetMessage({ token: 'canary-token', expiresAt: NOON + hours(1) }));
    let last = NOON;
    while ((await worker.queue.waiting()) > 0) {
      await worker.runOnce();
      const { attempts, next_attempt_at: next } = await rowOf(handle);
      if (attempts > 0 && next < NOON + hours(1)) last = next;
      worker.clock.advance(Math.max(next - worker.clock.now(), 1));
    }
    const row = await rowOf(handle);
    assert.deepEqual([row.sealed, row.last_error, row.sent_at], [null, 'expired', null]);
    assert.ok(row.dropped_at && row.dropped_at >= NOON + hours(1));
    assert.ok(last > NOON + minutes(57));
    assert.match(worker.lines.at(-1) ?? '', /message dropped unsent/);
  });

  it('sends no link that is dead already, and nothing after a day', async (t) => {
    const handle = await openTestSqlite(t);
    const delivery = recording();
    await addTo(
      handle,
      resetMessage({ createdAt: NOON - hours(1), expiresAt: NOON }),
      resetMessage({ createdAt: NOON - hours(24), expiresAt: NOON + hours(24) }),
    );
    const worker = workerOn(handle, delivery);
    await worker.runOnce();
    assert.deepEqual([delivery.sent.length, await worker.queue.waiting()], [0, 0]);
  });

  it('drops what the recipient’s server refuses for good', async (t) => {
    const handle = await openTestSqlite(t);
    const server = await mailServer(t, {
      onRecipient: () => {
        throw refusal(550, '5.1.1 <ada@example.com> unknown');
      },
    });
    const delivery = smtpDelivery({ url: server.url, from: 'no-reply@auth.example' });
    t.after(() => delivery.close());
    await addTo(handle, resetMessage());
    await workerOn(handle, delivery).runOnce();
    const row = await rowOf(handle);
    assert.deepEqual([row.sealed, row.dropped_at, row.last_error], [null, NOON, 'EENVELOPE 550 5.1.1 at RCPT TO']);
  });

  it('brings a message past a server that is busy at first', async (t) => {
    const handle = await openTestSqlite(t);
    let refusals = 2;
    const ids: string[] = [];
    const server = await mailServer(t, {
      onMessage({ messageId }) {
        ids.push(messageId);
        if (refusals-- > 0) throw refusal(451, 'try later');
      },
    });
    const delivery = smtpDelivery({ url: server.url, from: 'no-reply@auth.example' });
    t.after(() => delivery.close());
    const worker = workerOn(handle, delivery);
    await addTo(handle, resetMessage());
    for (let round = 0; round < 3; round += 1) {
      await worker.runOnce();
      worker.clock.advance(seconds(10));
    }
    assert.equal(server.received.length, 1);
    assert.equal(ids.length, 3);
    assert.equal(new Set(ids).size, 1);
    assert.match(ids[0] ?? '', /^<[0-9a-f-]{36}@auth\.example>$/);
  });

  it('outlives a database that is gone, says so once, and records then what it sent', async (t) => {
    const handle = await openTestSqlite(t);
    const whole = outboxQueue(handle, keyring);
    let gone = false;
    const frail =
      <A extends unknown[], R>(call: (...input: A) => Promise<R>) =>
      async (...input: A): Promise<R> => {
        if (gone) throw new StoreUnavailable('SQLite: gone');
        return call(...input);
      };
    const queue: OutboxQueue = { ...whole, claim: frail(whole.claim), markSent: frail(whole.markSent) };
    const delivery = recording(() => {
      gone = true;
    });
    const worker = workerOn(handle, delivery, { queue });
    await addTo(handle, resetMessage());

    for (let round = 0; round < 5; round += 1) await worker.runOnce();
    gone = false;
    worker.clock.advance(LEASE);
    await worker.runOnce();

    assert.equal(delivery.sent.length, 1);
    assert.equal((await rowOf(handle)).sealed, null);
    assert.equal(worker.lines.filter((line) => line.includes('out of reach')).length, 1);
    assert.equal(worker.lines.filter((line) => line.includes('is back')).length, 1);
  });

  it('keeps a message whose secret is missing until it is back', async (t) => {
    const handle = await openTestSqlite(t);
    const delivery = recording();
    await addTo(handle, resetMessage());
    const stranger = workerOn(handle, delivery, { keys: createKeyring(['another secret']) });
    await stranger.runOnce();
    const knowing = workerOn(handle, delivery);
    knowing.clock.advance(seconds(2));
    await knowing.runOnce();
    assert.equal(delivery.sent.length, 1);
  });

  it('logs ids, templates and attempts, and neither address nor content', async (t) => {
    const handle = await openTestSqlite(t);
    const failures = [
      () => {
        throw new Error('rejected canary@example.com canary-token');
      },
      busy,
      () => {},
    ];
    const worker = workerOn(
      handle,
      recording(() => failures.shift()?.()),
    );
    await addTo(
      handle,
      resetMessage({ to: 'canary@example.com', token: 'canary-token' }),
      resetMessage({ expiresAt: NOON }),
    );
    for (let round = 0; round < 3; round += 1) {
      await worker.runOnce();
      worker.clock.advance(seconds(10));
    }
    const written = worker.lines.join('');
    assert.doesNotMatch(written, /canary|example\.com|Ada|https:/);
    const sent = worker.lines.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'message sent');
    assert.deepEqual([sent.template, sent.attempts, typeof sent.outboxId], ['reset_password', 3, 'string']);
    assert.doesNotMatch(JSON.stringify(await handle.read.selectFrom('outbox').selectAll().execute()), /canary/);
  });

  it('finishes what is under way when it stops, and takes nothing new', async (t) => {
    const handle = await openTestSqlite(t);
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const delivery = recording(async () => {
      started.resolve();
      await finish.promise;
    });
    const worker = workerOn(handle, delivery);
    await addTo(handle, resetMessage());
    worker.wake();
    await started.promise;
    const stopped = worker.stop();
    await addTo(handle, resetMessage());
    worker.wake();
    finish.resolve();
    await stopped;
    assert.deepEqual([delivery.sent.length, await worker.queue.waiting()], [1, 1]);
  });
});
