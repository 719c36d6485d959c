import { boundForAccount } from './account-limit.ts';
import { Failure } from './failure.ts';
import { type Proofs, type ProofWorld, requireFreshSignIn, stillProven } from './fresh-sign-in.ts';
import { canonicalEmail } from './identifier.ts';
import { isTaken, replaceIdentifier, tellOldOne } from './identifier-change.ts';
import { messageTo } from './mail.ts';
import { checkNetwork, noteForNetwork } from './network-limit.ts';
import { makeOneTimeToken, peekOneTimeToken, takeOneTimeToken } from './one-time-token.ts';
import { mayMail } from './send-limit.ts';
import type { LiveSession } from './session.ts';
import type { Caller, ContractName, World } from './world.ts';

/**
 * Mails a link to a new address; until it is followed the old one stays, and the new one opens nothing. The old one is
 * told that a change was asked for. Past the limits of the new address nothing is sent, silently.
 *
 * @throws {Failure} `reauthentication_required`, and as {@link requireFreshSignIn}
 * @throws {Failure} `input_rejected` if it is no address
 * @throws {Failure} `identifier_taken`, ten an hour a network
 * @throws {Failure} `rate_limited` past five an hour
 * @see rules 2, 6, 19; R115
 */
export async function startEmailChange(
  world: ProofWorld,
  input: { live: LiveSession; email: string; caller: Caller } & Proofs,
): Promise<void> {
  const { caller, live } = input;
  const email = canonicalEmail(input.email);
  if (!email) throw new Failure('input_rejected', { fields: { newEmail: 'email' } });
  await requireFreshSignIn(world, live, input, caller);
  // Before the look, for everybody: else the eleventh would be told by its 429.
  await checkNetwork(world, 'taken', caller);
  // What is counted must outlive the "no", so the transaction returns it and the throw comes after.
  const taken = await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillProven(inStore, live);
    await boundForAccount(inStore, account, 'change');
    if (await isTaken(inStore, account, 'email', email)) {
      await noteForNetwork(inStore, 'taken', caller);
      return true;
    }
    if (!(await mayMail(inStore, 'email_change', email))) return false;
    const { expiresAt, token } = await makeOneTimeToken(inStore, {
      purpose: 'email_change',
      account,
      identifier: email,
      facts: { sessionId: session.id },
    });
    const facts = { token, name: account.name };
    await messageTo(inStore, account, { template: 'change_email', facts, channel: 'email', to: email, expiresAt });
    await tellOldOne(inStore, account, { kind: 'email', value: email, by: 'link' }, caller);
    return false;
  });
  if (taken) throw new Failure('identifier_taken', { identifier: 'email' });
}

/**
 * What the page behind the link says: which address is to become the account's. Nothing is consumed.
 *
 * @throws {Failure} `token_invalid` or `token_expired`
 */
export async function lookAtEmailChange(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  input: { token: string },
): Promise<{ email: string }> {
  const { token } = await peekOneTimeToken(world, 'email_change', input.token);
  return { email: token.identifier };
}

/**
 * Makes the address that the link was mailed to the account's own; the old one is told.
 *
 * @throws {Failure} `token_invalid` or `token_expired`, also once the session that asked has ended; `identifier_taken` if somebody else proved it first; the link stays usable
 * @see rules 6, 8; R115, R116
 */
export async function finishEmailChange(
  world: Pick<World, 'clock' | 'keyring' | 'phones' | 'policy' | 'store'>,
  input: { token: string; contract: ContractName | 'page'; caller: Caller },
): Promise<void> {
  const { caller, contract } = input;
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, token } = await takeOneTimeToken(inStore, 'email_change', input.token);
    // Whoever ends a session that was not theirs ends what it has begun.
    const asking = await store.sessions.find(token.facts.sessionId);
    if (account.disabledAt !== null || asking?.account.id !== account.id) throw new Failure('token_invalid');
    const changed = { kind: 'email', value: token.identifier, contract, caller } as const;
    if (!(await replaceIdentifier(inStore, account, changed))) {
      throw new Failure('identifier_taken', { identifier: 'email' });
    }
  });
}
