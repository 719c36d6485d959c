import type { Kysely } from 'kysely';
import type { Keyring } from '../core/keyring.ts';
import { type Message, SECRET_TEMPLATES, type Template } from '../core/message.ts';
import type { Outbox } from '../core/store.ts';
import type { Instant } from '../core/time.ts';
import type { Random } from '../core/world.ts';
import type { DatabaseHandle, Effects } from './database.ts';
import type { Database, OutboxTable } from './schema.ts';

type WithoutAccount<M> = M extends Message ? Omit<M, 'accountId'> : never;
/** A message as it comes out again: its account may be gone by then. */
export type QueuedMessage = WithoutAccount<Message> & { id: string };

/** A message that this process alone may send until its lease ends. */
export interface ClaimedMessage {
  id: string;
  template: Template;
  /** Times it was tried before. */
  attempts: number;
  createdAt: Instant;
  expiresAt: Instant;
  /** @throws if it was sealed under a secret no longer accepted */
  open(): QueuedMessage;
}

/** What sends the messages, and what counts them, needs of the outbox. */
export interface OutboxQueue {
  /** Leases up to `limit` messages whose time has come; a lease that ran out is anybody's again. */
  claim(lease: { by: string; now: Instant; until: Instant; limit: number }): Promise<ClaimedMessage[]>;
  /** Erases what was sealed (rule 5). Holds whoever has the lease: the message is out. */
  markSent(id: string, now: Instant): Promise<void>;
  /** Counts a failed attempt and gives the lease back; nothing if the lease went to somebody else. */
  postpone(id: string, by: string, next: { attemptAt: Instant; reason: string }): Promise<void>;
  /** Gives up and erases what was sealed; nothing if the lease went to somebody else. */
  drop(id: string, by: string, end: { now: Instant; reason: string }): Promise<void>;
  /** How many are still to be sent. */
  waiting(): Promise<number>;
  /** Deletes some of the rows sent or dropped before an instant. @returns how many; call again while it is {@link CLEAN_BATCH} */
  clean(before: Instant): Promise<number>;
}

/** Rows that one `clean` deletes: a short transaction, since on SQLite everybody waits for it. */
export const CLEAN_BATCH = 500;

/** Longest `last_error` kept. */
const REASON_LENGTH = 200;

/**
 * The core's outbox, inside the transaction of `db`. Address and facts are sealed with the row's id
 * as context, so that a copied value opens in no other row (rule 5).
 */
export function outboxOn(db: Kysely<Database>, effects: Effects, keyring: Keyring, random: Random): Outbox {
  return {
    async add({ template, facts, accountId, channel, to, locale, createdAt, expiresAt }) {
      const id = random.uuid();
      await db
        .insertInto('outbox')
        .values({
          id,
          account_id: accountId,
          channel,
          template,
          locale,
          sealed: keyring.seal(`outbox ${id}`, JSON.stringify({ to, facts }), random.bytes(12)),
          created_at: createdAt,
          expires_at: expiresAt,
          next_attempt_at: createdAt,
          attempts: 0,
        })
        .execute();
      effects.outbox = true;
    },
    async dropSecrets(accountId, now) {
      await db
        .updateTable('outbox')
        .set({ sealed: null, dropped_at: now, last_error: 'account deleted', claimed_by: null, claimed_until: null })
        .where('account_id', '=', accountId)
        .where('sealed', 'is not', null)
        .where('template', 'in', SECRET_TEMPLATES)
        .execute();
    },
  };
}

/** The same table from the sender's side; each call is a transaction of its own. */
export function outboxQueue(handle: DatabaseHandle, keyring: Keyring): OutboxQueue {
  const settle = (id: string, values: Partial<OutboxTable>, by?: string): Promise<void> =>
    handle.transaction(async (db) => {
      await db
        .updateTable('outbox')
        .set({ ...values, claimed_by: null, claimed_until: null })
        .where('id', '=', id)
        .where('sealed', 'is not', null)
        .$if(by !== undefined, (update) => update.where('claimed_by', '=', by as string))
        .execute();
    });

  return {
    async claim({ by, now, until, limit }) {
      // Looking first keeps an idle server from taking SQLite's write lock twice a second.
      const due = await handle.read
        .selectFrom('outbox')
        .select('id')
        .where('sealed', 'is not', null)
        .where('next_attempt_at', '<=', now)
        .where((or) => or.or([or('claimed_until', 'is', null), or('claimed_until', '<=', now)]))
        .orderBy('next_attempt_at')
        .orderBy('id')
        .limit(limit)
        .execute();
      if (due.length === 0) return [];
      return handle.transaction(async (db) => {
        const claimed: ClaimedMessage[] = [];
        for (const { id } of due) {
          const row = await db
            .updateTable('outbox')
            .set({ claimed_by: by, claimed_until: until })
            .where('id', '=', id)
            .where('sealed', 'is not', null)
            .where('next_attempt_at', '<=', now)
            .where((or) => or.or([or('claimed_until', 'is', null), or('claimed_until', '<=', now)]))
            .returningAll()
            .executeTakeFirst();
          if (row) claimed.push(claimedFrom(row, keyring));
        }
        return claimed;
      });
    },
    markSent: (id, now) => settle(id, { sealed: null, sent_at: now, last_error: null }),
    postpone: (id, by, { attemptAt, reason }) =>
      handle.transaction(async (db) => {
        await db
          .updateTable('outbox')
          .set((row) => ({
            attempts: row('attempts', '+', 1),
            next_attempt_at: attemptAt,
            last_error: reason.slice(0, REASON_LENGTH),
            claimed_by: null,
            claimed_until: null,
          }))
          .where('id', '=', id)
          .where('sealed', 'is not', null)
          .where('claimed_by', '=', by)
          .execute();
      }),
    drop: (id, by, { now, reason }) =>
      settle(id, { sealed: null, dropped_at: now, last_error: reason.slice(0, REASON_LENGTH) }, by),
    async waiting() {
      const { count } = await handle.read
        .selectFrom('outbox')
        .select((row) => row.fn.countAll<number>().as('count'))
        .where('sealed', 'is not', null)
        .executeTakeFirstOrThrow();
      return count;
    },
    clean: (before) =>
      handle.transaction(async (db) => {
        const { numDeletedRows } = await db
          .deleteFrom('outbox')
          .where('id', 'in', (from) =>
            from
              .selectFrom('outbox')
              .select('id')
              .where((or) => or.or([or('sent_at', '<', before), or('dropped_at', '<', before)]))
              .limit(CLEAN_BATCH),
          )
          .executeTakeFirst();
        return Number(numDeletedRows);
      }),
  };
}

function claimedFrom(row: OutboxTable, keyring: Keyring): ClaimedMessage {
  const { id, channel, template, locale, sealed, attempts } = row;
  const createdAt = row.created_at;
  const expiresAt = row.expires_at;
  return {
    id,
    template: template as Template,
    attempts,
    createdAt,
    expiresAt,
    // What `add` put together comes apart here; the seal vouches for it.
    open: () =>
      ({
        id,
        channel,
        template,
        locale,
        createdAt,
        expiresAt,
        ...JSON.parse(keyring.open(`outbox ${id}`, sealed ?? '')),
      }) as QueuedMessage,
  };
}
