/** What `twilio://SID:TOKEN@FROM` says. */
export interface TwilioAccount {
  accountSid: string;
  token: string;
  /** A phone number, a sender's name or short code, or a messaging service (`MG…`). */
  from: string;
}

// A messaging service's id is longer than any sender's name, which has 11 characters at most.
const FROM = /^(\+[1-9]\d{6,14}|[A-Za-z0-9]{3,11}|MG[A-Za-z0-9]{10,40})$/;

/** @returns `undefined` for any other URL */
export function twilioAccount(text: string): TwilioAccount | undefined {
  const url = URL.parse(text);
  if (url?.protocol !== 'twilio:' || url.search || url.hash || url.port || !/^\/?$/.test(url.pathname))
    return undefined;
  const [accountSid, token, from] = [url.username, url.password, url.hostname].map(decoded);
  if (!token || !/^AC[A-Za-z0-9]{1,62}$/.test(accountSid ?? '') || !FROM.test(from ?? '')) return undefined;
  return { accountSid: accountSid as string, token, from: from as string };
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
