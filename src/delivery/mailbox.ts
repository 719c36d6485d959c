import { canonicalEmail } from '../core/identifier.ts';
import type { Keyring } from '../core/keyring.ts';
import type { Random } from '../core/world.ts';
import type { DatabaseHandle } from '../store/database.ts';
import type { Delivery, RenderedMessage } from './delivery.ts';

/** As `GET /dev/mailbox.json` shows it. */
export interface MailboxMessage {
  id: string;
  channel: 'email' | 'sms';
  to: string;
  subject: string;
  text: string;
  /** Empty for an SMS. */
  html: string;
  links: string[];
  code: string | null;
  /** ISO 8601, UTC, with milliseconds. */
  createdAt: string;
}

/** Keeps what it is given instead of sending it. */
export interface Mailbox extends Delivery {
  /** Newest first; `to` in any spelling of the address. */
  list(filter?: { to?: string }): Promise<MailboxMessage[]>;
  find(id: string): Promise<MailboxMessage | undefined>;
  empty(): Promise<void>;
}

/** Messages kept; the oldest go first. */
const KEPT = 1000;

/**
 * The development mailbox, in the database: it survives a restart, and every process shows the same (rule 1).
 *
 * @param canonicalPhone reads a number in any spelling; without it only E.164 is known
 */
export function mailboxOn(
  handle: DatabaseHandle,
  keyring: Keyring,
  random: Random,
  canonicalPhone: (text: string) => string | undefined = e164,
): Mailbox {
  const open = ({ id, sealed }: { id: string; sealed: string }): MailboxMessage | undefined => {
    try {
      return JSON.parse(keyring.open(`mailbox ${id}`, sealed)) as MailboxMessage;
    } catch {
      // Sealed under a secret that is gone: one lost message must not hide the others.
      return undefined;
    }
  };

  return {
    async send(message) {
      const { id, createdAt } = message;
      const sealed = keyring.seal(`mailbox ${id}`, JSON.stringify(shown(message)), random.bytes(12));
      await handle.transaction(async (db) => {
        const [newest] = await db
          .selectFrom('mailbox_message')
          .select('created_at')
          .orderBy('created_at', 'desc')
          .limit(1)
          .execute();
        // The column tells the order of arrival also within one millisecond; the message's own instant is sealed with it.
        const arrival = Math.max(createdAt, (newest?.created_at ?? 0) + 1);
        await db
          .insertInto('mailbox_message')
          .values({ id, sealed, created_at: arrival })
          .onConflict((conflict) => conflict.column('id').doNothing())
          .execute();
        const [tooOld] = await db
          .selectFrom('mailbox_message')
          .select('created_at')
          .orderBy('created_at', 'desc')
          .limit(1)
          .offset(KEPT)
          .execute();
        if (tooOld) await db.deleteFrom('mailbox_message').where('created_at', '<=', tooOld.created_at).execute();
      });
    },
    async list({ to } = {}) {
      const rows = await handle.read
        .selectFrom('mailbox_message')
        .select(['id', 'sealed'])
        .orderBy('created_at', 'desc')
        .execute();
      const wanted = to === undefined ? undefined : canonical(to, canonicalPhone);
      return rows
        .map(open)
        .filter((message) => message !== undefined)
        .filter((message) => wanted === undefined || message.to === wanted)
        .sort((one, other) => Date.parse(other.createdAt) - Date.parse(one.createdAt));
    },
    async find(id) {
      const row = await handle.read
        .selectFrom('mailbox_message')
        .select(['id', 'sealed'])
        .where('id', '=', id)
        .executeTakeFirst();
      return row && open(row);
    },
    empty: () =>
      handle.transaction(async (db) => {
        await db.deleteFrom('mailbox_message').execute();
      }),
  };
}

function shown(message: RenderedMessage): MailboxMessage {
  const { id, channel, to, subject, text, html, links, code, createdAt } = message;
  const created = new Date(createdAt).toISOString();
  return { id, channel, to, subject, text, html: html ?? '', links, code, createdAt: created };
}

/** Messages bear canonical addresses already; whoever looks for one may write it as they like. */
function canonical(text: string, canonicalPhone: (text: string) => string | undefined): string {
  const address = text.trim();
  const email = canonicalEmail(address);
  if (email !== undefined) return email;
  // An unescaped `+` in a query string arrives as a space.
  const plus = /^ \d/.test(text) ? canonicalPhone(`+${address}`) : undefined;
  return plus ?? canonicalPhone(address) ?? address;
}

function e164(text: string): string | undefined {
  return /^\+\d+$/.test(text) ? text : undefined;
}
