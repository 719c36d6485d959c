import type { Messages } from '../core/message.ts';
import type { QueuedMessage } from '../store/outbox.ts';

/** Where links lead; all of it comes from settings, and never from a request (rule 4). */
export interface LinkTargets {
  publicUrl: string;
  /** The single-page application of the sanctum contract. */
  spaUrl: string;
  /** Who has the form for a first password: that application, or a page of our own. */
  setUpForm: 'app' | 'page';
}

/** The link in a message; `null` for one without a token. */
export function linkIn(
  { facts, template, to }: Pick<QueuedMessage, 'facts' | 'template' | 'to'>,
  page: `/${string}` | null,
  { publicUrl, setUpForm, spaUrl }: LinkTargets,
): string | null {
  if (!page || !('token' in facts)) return null;
  const token = encodeURIComponent(facts.token);
  // The template and its facts came out of one row; the compiler has lost sight of that.
  if (template === 'set_up_password' && setUpForm === 'app') {
    const { form } = facts as Messages['set_up_password'];
    const signature = Buffer.from(facts.token, 'base64url').toString('hex');
    return `${spaUrl}/setup-password/${form.id}/${form.hash}?expires=${form.expires}&signature=${signature}`;
  }
  if (template === 'reset_password' && (facts as Messages['reset_password']).inApp) {
    return `${spaUrl}${page}?token=${token}&email=${encodeURIComponent(to)}`;
  }
  return `${publicUrl}${page}?token=${token}`;
}
