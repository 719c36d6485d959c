import type { Clock } from '../core/world.ts';
import { type Delivery, DeliveryFailure } from './delivery.ts';
import { smsWebhook } from './sms-webhook.ts';
import { twilio } from './twilio.ts';
import { twilioAccount } from './twilio-url.ts';

export interface SmsSettings {
  /** `https://…`, or `twilio://SID:TOKEN@FROM`. */
  url: string;
  /** What a webhook is signed with. */
  secret?: string | undefined;
  twilioApiUrl?: string | undefined;
}

/**
 * The way that the URL names: a webhook of the operator's own, or Twilio.
 *
 * @throws {TypeError} for any other URL, and for a webhook without a secret
 */
export function smsDelivery({ url, secret, twilioApiUrl }: SmsSettings, clock: Pick<Clock, 'now'>): Delivery {
  const account = twilioAccount(url);
  if (account) return twilio({ ...account, baseUrl: twilioApiUrl });
  if (!/^https?:\/\//i.test(url)) throw new TypeError('the SMS URL must be https://… or twilio://SID:TOKEN@FROM');
  if (!secret) throw new TypeError('an SMS webhook needs a secret to sign with');
  return smsWebhook({ url, secret, clock });
}

/** Sends each message the way of its channel; a message whose channel has none is dropped at once. */
export function channelDelivery(ways: { email: Delivery | undefined; sms: Delivery | undefined }): Delivery {
  return {
    async send(message) {
      const way = ways[message.channel];
      if (!way) throw new DeliveryFailure(`there is no way to send ${message.channel}`, { permanent: true });
      await way.send(message);
    },
  };
}
