import type { Locale } from '../core/account.ts';
import type { Instant } from '../core/time.ts';

/** A message in its final words, for one person. */
export interface RenderedMessage {
  /** The outbox row's id. */
  id: string;
  channel: 'email' | 'sms';
  /** Canonical. */
  to: string;
  locale: Locale;
  /** Empty for an SMS. */
  subject: string;
  text: string;
  /** `null` for an SMS. */
  html: string | null;
  createdAt: Instant;
  /** The code in it, for those who read it by machine. */
  code: string | null;
  links: string[];
  /** `<id@host>`; every repeat of one message carries the same, so that a mail program shows it once (RFC 5322 §3.6.4). */
  messageId: string;
}

/** A way out of the house: a mail server, an SMS provider, the development mailbox. */
export interface Delivery {
  /**
   * Hands one message over. Settles within {@link LONGEST_SEND_MILLISECONDS}, whatever the other side does.
   *
   * @throws {DeliveryFailure} if it was not taken; anything else thrown counts as temporary
   */
  send(message: RenderedMessage): Promise<void>;
}

/** Half a lease of the outbox: a message still under way is never taken over. */
export const LONGEST_SEND_MILLISECONDS = 30_000;

/** The message was not taken. The text says why, and holds neither address nor content: it is logged and stored. */
export class DeliveryFailure extends Error {
  override readonly name = 'DeliveryFailure';
  /** Repeating it is useless: the recipient or the message itself was refused for good. */
  readonly permanent: boolean;

  constructor(reason: string, options: { permanent: boolean; cause?: unknown }) {
    super(reason, options);
    this.permanent = options.permanent;
  }
}
