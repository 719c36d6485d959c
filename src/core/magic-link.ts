import { auditEvent } from './audit.ts';
import { readCodeChallenge } from './code-challenge.ts';
import { inEvenTime } from './even-time.ts';
import { mailTo } from './mail.ts';
import { mailableAccount } from './mailable-account.ts';
import { makeOneTimeToken, peekOneTimeToken, takeOneTimeToken } from './one-time-token.ts';
import { readRedirect, withParameter } from './redirect.ts';
import { boundSendRequests } from './send-limit.ts';
import { meetOwner } from './takeover.ts';
import type { Caller, ContractName, World } from './world.ts';

type LinkWorld = Pick<World, 'clock' | 'keyring' | 'policy' | 'random' | 'store'>;

/**
 * Mails a link that signs in, if the address belongs to an account that may sign in; to every other address nothing.
 * Five an hour for each address, silently.
 *
 * @throws {Failure} `input_rejected` if the return is not to an allowed origin, or the challenge is none
 * @throws {Failure} `rate_limited` past the network's share
 * @see rules 3, 4, 25; OWASP Authentication Cheat Sheet; R015
 */
export async function sendMagicLink(
  world: LinkWorld,
  input: {
    contract: ContractName;
    email: string;
    redirectUrl?: string | undefined;
    codeChallenge?: string | undefined;
    caller: Caller;
  },
): Promise<void> {
  const facts = {
    redirectUrl: readRedirect(world, input.redirectUrl),
    codeChallenge: readCodeChallenge(input.codeChallenge),
  };
  await boundSendRequests(world, 'mail', input.caller);
  await inEvenTime(world, () => mailLink(world, input, facts));
}

async function mailLink(
  world: LinkWorld,
  { caller, contract, email }: Parameters<typeof sendMagicLink>[1],
  facts: { redirectUrl: string | null; codeChallenge: string | null },
): Promise<void> {
  const now = world.clock.now();
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const account = await mailableAccount(inStore, 'magic_link', email);
    if (!account) return;
    const { token, expiresAt } = await makeOneTimeToken(inStore, {
      purpose: 'magic_link',
      account,
      identifier: account.email,
      facts,
    });
    await mailTo(inStore, account, { template: 'magic_link', facts: { token, name: account.name }, expiresAt });
    await store.audit.record(auditEvent('magic_link.requested', { account, contract, caller, now }));
  });
}

/**
 * What the page behind a link says: whose account it signs in to, and where that leads. Nothing is consumed.
 *
 * @throws {Failure} `token_invalid` or `token_expired`
 */
export async function lookAtMagicLink(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  input: { token: string },
): Promise<{ email: string; redirectUrl: string | null }> {
  const { token } = await peekOneTimeToken(world, 'magic_link', input.token);
  return { email: token.identifier, redirectUrl: token.facts.redirectUrl };
}

/**
 * Consumes a link for the page that it opens, and hands over a code, good for a minute, that the application fetches the
 * session with. A second factor is asked for then (R063).
 *
 * @returns the code, and where to send the browser with it
 * @throws {Failure} `token_invalid` or `token_expired`; `invalid_credentials` if the account was locked meanwhile
 */
export async function openMagicLink(
  world: Pick<World, 'clock' | 'keyring' | 'random' | 'store'>,
  input: { token: string; caller: Caller },
): Promise<{ code: string; redirectUrl: string | null }> {
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account: held, token } = await takeOneTimeToken(inStore, 'magic_link', input.token);
    const account = await meetOwner(inStore, held, { proven: 'email', contract: 'page', caller: input.caller });
    const facts = { ...token.facts, firstFactor: 'magic_link' as const };
    const made = await makeOneTimeToken(inStore, {
      purpose: 'exchange',
      account,
      identifier: token.identifier,
      facts,
    });
    const { redirectUrl } = facts;
    return { code: made.token, redirectUrl: redirectUrl && withParameter(redirectUrl, 'code', made.token) };
  });
}
