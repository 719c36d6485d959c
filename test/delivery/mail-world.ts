import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { type Logger, pino } from 'pino';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { AccountId } from '../../src/core/account.ts';
import { createKeyring } from '../../src/core/keyring.ts';
import type { Message } from '../../src/core/message.ts';
import { hours, type Instant } from '../../src/core/time.ts';
import type { Random } from '../../src/core/world.ts';
import type { RenderedMessage } from '../../src/delivery/delivery.ts';
import type { DatabaseHandle } from '../../src/store/database.ts';
import { outboxOn } from '../../src/store/outbox.ts';

export const NOON: Instant = Date.UTC(2026, 2, 5, 12, 0, 0, 42);

export const random: Random = { bytes: (length) => randomBytes(length), uuid: () => randomUUID() };
export const keyring = createKeyring(['a secret of the tests']);

/** A clock that stands still until turned. */
export function stillClock(start: Instant = NOON) {
  let now = start;
  return {
    now: () => now,
    advance: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

export const resetMessage = (
  change: { to?: string; token?: string; createdAt?: Instant; expiresAt?: Instant } = {},
): Message => ({
  template: 'reset_password',
  facts: { token: change.token ?? 'token-of-the-reset', name: 'Ada' },
  accountId: null as unknown as AccountId,
  channel: 'email',
  to: change.to ?? 'ada@example.com',
  locale: 'en',
  createdAt: change.createdAt ?? NOON,
  expiresAt: change.expiresAt ?? NOON + hours(1),
});

/** Adds messages as the core does, in one transaction. */
export const addTo = (handle: DatabaseHandle, ...messages: Message[]): Promise<void> =>
  handle.transaction(async (db, effects) => {
    const outbox = outboxOn(db, effects, keyring, random);
    for (const message of messages) await outbox.add(message);
  });

export const rendered = (change: Partial<RenderedMessage> = {}): RenderedMessage => ({
  id: '7b1f',
  channel: 'email',
  to: 'ada@example.com',
  locale: 'en',
  subject: 'Choose a new password',
  text: 'Hello Ada,\n\n.a line that begins with a dot\n',
  html: '<!doctype html><p>Hello Ada,</p>',
  createdAt: NOON,
  code: null,
  links: [],
  messageId: '<7b1f@auth.example>',
  ...change,
});

/** A log whose lines a test can read. */
export function capturedLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return { log: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }), lines };
}

export interface Received {
  from: string;
  recipients: string[];
  raw: string;
  messageId: string;
}

/**
 * A mail server on a port of its own.
 *
 * @param replies called for each recipient and for each whole message; throw a `refusal` to say no
 */
export async function mailServer(
  t: Pick<TestContext, 'after'>,
  replies: { onRecipient?: (address: string) => void; onMessage?: (message: Received) => void | Promise<void> } = {},
  options: SMTPServerOptions = {},
): Promise<{ url: string; port: number; received: Received[]; recipients: string[] }> {
  const received: Received[] = [];
  const recipients: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    closeTimeout: 1,
    ...options,
    onRcptTo({ address }, _session, done) {
      recipients.push(address);
      settle(() => replies.onRecipient?.(address), done);
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const raw = Buffer.concat(chunks).toString();
        const message: Received = {
          from: session.envelope.mailFrom ? session.envelope.mailFrom.address : '',
          recipients: session.envelope.rcptTo.map(({ address }) => address),
          raw,
          messageId: /^Message-ID: (.*)$/im.exec(raw)?.[1]?.trim() ?? '',
        };
        settle(async () => {
          await replies.onMessage?.(message);
          received.push(message);
        }, done);
      });
    },
  });
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const { port } = server.server.address() as AddressInfo;
  return { url: `smtp://127.0.0.1:${port}`, port, received, recipients };
}

export const refusal = (responseCode: number, text = 'no'): Error => Object.assign(new Error(text), { responseCode });

function settle(work: () => void | Promise<void>, done: (error?: Error | null) => void): void {
  Promise.resolve()
    .then(work)
    .then(
      () => done(),
      (error: Error) => done(error),
    );
}
