import type { Delivery } from './delivery.ts';
import { post } from './http-post.ts';
import { refuseUnsafe } from './sms-recipient.ts';
import type { TwilioAccount } from './twilio-url.ts';

export interface TwilioOptions extends TwilioAccount {
  /** Scheme and host; tests have their own. */
  baseUrl?: string | undefined;
  /** Longest sending in all. */
  milliseconds?: number;
}

/**
 * Sends through Twilio's Programmable Messaging. Its interface takes no key against repeats: a message whose yes was
 * lost on the way goes out a second time, with the same code.
 */
export function twilio(options: TwilioOptions): Delivery {
  const { accountSid, token, from, baseUrl = 'https://api.twilio.com', milliseconds } = options;
  const url = `${baseUrl.replace(/\/+$/, '')}/2010-04-01/Accounts/${accountSid}/Messages.json`;
  // A messaging service's id is longer than any sender's name.
  const sender = /^MG.{10,}$/.test(from) ? { MessagingServiceSid: from } : { From: from };
  const headers = {
    authorization: `Basic ${Buffer.from(`${accountSid}:${token}`).toString('base64')}`,
    'content-type': 'application/x-www-form-urlencoded',
  };
  return {
    async send(message) {
      refuseUnsafe(message);
      const body = new URLSearchParams({ To: message.to, ...sender, Body: message.text }).toString();
      await post('Twilio', { url, headers, body, milliseconds }, errorCode);
    },
  };
}

/** Their number for what went wrong, such as 21610 for a recipient who wants no more messages. */
function errorCode(answer: string): number | undefined {
  try {
    const { code } = JSON.parse(answer) as { code?: unknown };
    return Number.isSafeInteger(code) ? (code as number) : undefined;
  } catch {
    return undefined;
  }
}
