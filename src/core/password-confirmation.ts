import type { CodeFactor } from './account.ts';
import { boundForAccount } from './account-limit.ts';
import { auditEvent } from './audit.ts';
import { Failure } from './failure.ts';
import {
  isFresh,
  type ProofWorld,
  provePassword,
  proveSecondFactor,
  sendReauthenticationCode,
  stillProven,
} from './fresh-sign-in.ts';
import type { SecondFactorProof } from './second-factor.ts';
import type { LiveSession } from './session.ts';
import { newSessionToken, RENEWED_GRACE } from './session-token.ts';
import { seconds } from './time.ts';
import type { Caller, World } from './world.ts';

export type PasswordConfirmation =
  /** The token that opens the session from now on; `null` if another request has just renewed it. */
  | { outcome: 'confirmed'; sessionToken: string | null }
  /** The password was right; the session has not passed the account's second factor, whose code was sent if it is delivered. */
  | { outcome: 'second_factor_due'; channel: CodeFactor };

/**
 * Has a signed-in person confirm their password, and the second factor too in a session that has not passed it. The
 * session gets another token: whoever had the old one has not confirmed anything (rule 30).
 *
 * @throws {Failure} `invalid_credentials`, `account_locked`, `rate_limited`, `overloaded`: a wrong one counts like one at sign-in
 * @throws {Failure} `rate_limited` past sixty an hour, too; `code_wrong`; `session_ended` if the session, or the password, was changed meanwhile
 * @see rules 19 and 30; ASVS 5.0: 7.2.4, 7.5.3
 */
export async function confirmPassword(
  world: ProofWorld,
  input: { live: LiveSession; password: string; secondFactor?: SecondFactorProof | undefined; caller: Caller },
): Promise<PasswordConfirmation> {
  const { caller, live, password, secondFactor } = input;
  await provePassword(world, live, password, caller);
  const { codeFactor: channel } = live.account;
  if (channel !== null && live.session.factorProvenAt === null) {
    if (!secondFactor) {
      if (channel !== 'totp') await sendReauthenticationCode(world, live, channel, caller);
      return { outcome: 'second_factor_due', channel };
    }
    await proveSecondFactor(world, live, secondFactor, caller);
  }
  const now = world.clock.now();
  const sessionToken = await world.store.transaction(async (store) => {
    const { account, session } = await stillProven({ ...world, store }, live);
    const over = new Failure('session_ended', { credential: 'over' });
    await boundForAccount({ ...world, store }, account, 'confirmation');
    if (!(await store.sessions.markPasswordConfirmed(session.id, now))) throw over;
    const { contract } = session;
    await store.audit.record(auditEvent('session.reauthenticated', { account, contract, caller, now }));
    // Its answer may arrive after the other's, and put a dead token in the place of the living one.
    if (session.tokenRenewedAt !== null && now - session.tokenRenewedAt < RENEWED_GRACE) return null;
    const { digest, token } = newSessionToken(world);
    if (!(await store.sessions.renewToken(session.id, { tokenDigest: digest, renewedAt: now }))) throw over;
    return token;
  });
  return { outcome: 'confirmed', sessionToken };
}

/**
 * Asks for a password that was confirmed in the session within the last ten minutes, and for the second factor at any time.
 *
 * @throws {Failure} `reauthentication_required`
 */
export function requireConfirmedPassword(world: Pick<World, 'clock'>, { live }: { live: LiveSession }): void {
  if (!isFresh(world, live)) throw new Failure('reauthentication_required');
}

/**
 * Whether {@link requireConfirmedPassword} would let the session pass, and how long ago it was confirmed.
 *
 * @param input.withinSeconds asks for a confirmation more recent than that
 */
export function lookAtConfirmation(
  world: Pick<World, 'clock'>,
  { live, withinSeconds = Number.POSITIVE_INFINITY }: { live: LiveSession; withinSeconds?: number },
): { confirmed: boolean; secondsAgo: number } {
  const secondsAgo = Math.floor((world.clock.now() - (live.session.passwordConfirmedAt ?? 0)) / seconds(1));
  return { confirmed: isFresh(world, live) && secondsAgo < withinSeconds, secondsAgo };
}
