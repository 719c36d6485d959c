import { twilioAccount } from '../delivery/twilio-url.ts';
import { notesOf } from './environment.ts';
import type { SettingName } from './settings.ts';

/** A setting's text as it may be shown: secrets never, the password of a URL as `***`. */
export function masked(name: SettingName, text: string): string {
  const { hides } = notesOf(name);
  if (!hides) return text;
  return hides === 'password' ? withoutPassword(text) : hidden(text);
}

function withoutPassword(text: string): string {
  if (text.startsWith('sqlite:')) return text;
  const url = URL.parse(text);
  // An unescaped `/` or `#` in a password ends the host early, and the rest of it shows up further on.
  if (!url?.host || /@/.test(url.pathname + url.search + url.hash)) return hidden(text);
  // In a wrong order the token is the user, or a port.
  if (url.protocol === 'twilio:' && !twilioAccount(text)) return hidden(text);
  // The path of a webhook is often its only secret.
  if (url.protocol === 'https:' || url.protocol === 'http:') return `${url.origin}/…`;
  if (url.password) url.password = '***';
  // A PostgreSQL URL may carry its password as a parameter, too.
  return url.href.replace(/\?.*$/s, '?…').replace(/#.*$/s, '');
}

function hidden(text: string): string {
  return text === '' ? 'empty' : `hidden (${Buffer.byteLength(text)} bytes)`;
}
