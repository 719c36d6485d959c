import { createHmac } from 'node:crypto';
import type { Clock } from '../core/world.ts';
import type { Delivery } from './delivery.ts';
import { post } from './http-post.ts';
import { refuseUnsafe } from './sms-recipient.ts';

export interface SmsWebhookOptions {
  url: string;
  /** `whsec_` and the key in base64. */
  secret: string;
  clock: Pick<Clock, 'now'>;
  /** Longest sending in all. */
  milliseconds?: number;
}

/**
 * Hands each SMS to a webhook as signed JSON. Its `webhook-id` is the outbox row's, the same at every repeat of one
 * message, so that a receiver who remembers ids sends none twice.
 *
 * @see Standard Webhooks 1.0 (HMAC-SHA-256 over id, timestamp and body)
 */
export function smsWebhook({ url, secret, clock, milliseconds }: SmsWebhookOptions): Delivery {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return {
    async send(message) {
      refuseUnsafe(message);
      const { id, to, text, locale } = message;
      const timestamp = new Date(message.createdAt).toISOString();
      const body = JSON.stringify({ type: 'sms', timestamp, data: { id, to, text, locale } });
      // The instant of this attempt, not of the message: receivers refuse what is minutes old.
      const sentAt = Math.floor(clock.now() / 1000);
      const signature = createHmac('sha256', key).update(`${id}.${sentAt}.${body}`).digest('base64');
      const headers = {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(sentAt),
        'webhook-signature': `v1,${signature}`,
      };
      await post('SMS webhook', { url, headers, body, milliseconds });
    },
  };
}
