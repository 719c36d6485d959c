import type { Account, CodeFactor } from './account.ts';
import { boundForAccount } from './account-limit.ts';
import { auditEvent } from './audit.ts';
import { type Sending, sendCode, tryCode } from './delivered-code.ts';
import { dropPending } from './drop-pending.ts';
import { Failure } from './failure.ts';
import { type Proofs, type ProofWorld, proveSecondFactor, requireFreshSignIn, stillProven } from './fresh-sign-in.ts';
import { circumstancesOf, mailTo } from './mail.ts';
import { type PendingFactor, pendingIn } from './pending-factor.ts';
import { destinationOf } from './pending-login.ts';
import { makeRecoveryCodes } from './recovery-code.ts';
import { replaceRecoveryCodes } from './recovery-code-set.ts';
import { checkCodeBudget, countWrongCode, totpContext } from './second-factor.ts';
import { maySms, refuseUntil } from './send-limit.ts';
import { type LiveSession, type Session, stillLive } from './session.ts';
import { openCodes, sealCodes, showRecoveryCodes } from './shown-recovery-codes.ts';
import type { Tables } from './store.ts';
import { hours } from './time.ts';
import { makeTotpSecret, stepOfCode } from './totp.ts';
import { enrolmentUri } from './totp-enrolment.ts';
import type { Caller, ContractName, World } from './world.ts';

const LIFETIME = hours(1);
const TRIES = 5;

export type StartedEnrolment =
  | { channel: 'email' | 'sms' }
  /** Shown now and never again: base32, and the URI that a QR code holds. */
  | { channel: 'totp'; secret: string; uri: string };

/**
 * Begins to switch a second factor on, or to put it in the place of the one that is on. A delivered one needs the
 * address or number proven first, and sends a code there.
 *
 * @throws {Failure} `reauthentication_required`, and as {@link requireFreshSignIn}
 * @throws {Failure} `input_rejected` if nothing can be sent over the channel
 * @throws {Failure} `rate_limited` if a code went there just now, or too many
 * @see rules 13, 18, 19; ASVS 5.0: 6.3.6, 7.5.1; RFC 6238
 */
export async function startSecondFactor(
  world: ProofWorld,
  input: { live: LiveSession; channel: CodeFactor; caller: Caller } & Proofs,
): Promise<StartedEnrolment> {
  const { caller, channel, live } = input;
  await requireFreshSignIn(world, live, input, caller);
  const started = await world.store.transaction(
    async (store): Promise<StartedEnrolment | Exclude<Sending, { outcome: 'sent' }>> => {
      const inStore = { ...world, store };
      const { account, session } = await stillProven(inStore, live);
      await boundForAccount(inStore, account, 'enrolment');
      const pending = {
        epoch: account.epoch,
        expiresAt: world.clock.now() + LIFETIME,
        sessionId: session.id,
        sealedRecoveryCodes: await codesShownBefore(inStore, { account, session }),
      };
      if (channel === 'totp') {
        const secret = makeTotpSecret(world);
        const sealedSecret = world.keyring.seal(totpContext(account), secret, world.random.bytes(12));
        await store.secondFactors.putPending(account.id, { channel, sealedSecret, ...pending });
        return { channel, secret, uri: enrolmentUri(world, account, secret) };
      }
      const to = destinationOf(account, channel);
      if (!to || (channel === 'sms' && !maySms(world, to))) {
        throw new Failure('input_rejected', { fields: { channel: 'unavailable' } });
      }
      const sending = await sendCode(inStore, {
        account,
        purpose: 'factor',
        binding: channel,
        channel,
        to,
        caller,
        trusted: true,
      });
      if (sending.outcome !== 'sent') return sending;
      await store.secondFactors.putPending(account.id, { channel, sealedSecret: null, ...pending });
      return { channel };
    },
  );
  if ('outcome' in started) refuseUntil(world, started.retryAt);
  return started;
}

/** The front ends of the sanctum contract show the codes together with the secret. */
async function codesShownBefore(
  world: Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables },
  live: LiveSession,
): Promise<string | null> {
  const { session } = live;
  if (session.contract !== 'sanctum') return null;
  const codes = makeRecoveryCodes(world, session.contract);
  await showRecoveryCodes(world, live, codes);
  return sealCodes(world, session, codes);
}

/**
 * Switches the factor on that this session has begun, with its first right code, which counts as an authentication with it.
 * Other sessions stay, unproven, unless they are to end.
 *
 * @returns recovery codes, shown now and never again; they take the place of older ones
 * @throws {Failure} `code_wrong`; `rate_limited` after ten wrong ones in an hour; `session_ended`
 * @see rules 17, 18, 30; ASVS 5.0: 7.4.3
 */
export async function confirmSecondFactor(
  world: Pick<World, 'clock' | 'keyring' | 'policy' | 'random' | 'store'>,
  input: { live: LiveSession; code: string; revokeOtherSessions: boolean; caller: Caller },
): Promise<{ account: Account; recoveryCodes: string[] }> {
  const { code, live } = input;
  const confirmed = await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillLive(inStore, live);
    await checkCodeBudget(inStore, account);
    const rule = { most: TRIES, epoch: account.epoch, sessionId: session.id, now: world.clock.now() };
    const pending = await store.secondFactors.takePendingTry(account.id, rule);
    if (!pending) return undefined;
    const accepted = await tryPending(inStore, account, pending, code);
    if (!accepted) {
      await countWrongCode(inStore, account);
      return undefined;
    }
    return switchOn(inStore, { ...input, ...accepted, account, session, pending });
  });
  if (!confirmed) throw new Failure('code_wrong');
  return confirmed;
}

/**
 * Checks a code: the first right one switches the factor on that this session has begun; without one it proves, in this
 * session, the factor that is on.
 *
 * @returns the recovery codes of a factor that was switched on
 * @throws {Failure} as {@link confirmSecondFactor}
 */
export async function verifySecondFactor(
  world: ProofWorld,
  input: { live: LiveSession; code: string; revokeOtherSessions: boolean; caller: Caller },
): Promise<{ account: Account; recoveryCodes?: string[] }> {
  const { account } = input.live;
  const waits = (await pendingIn(world, input.live)) !== undefined;
  if (waits || account.codeFactor === null) return confirmSecondFactor(world, input);
  await proveSecondFactor(world, input.live, { code: input.code }, input.caller);
  return { account };
}

async function tryPending(
  world: Pick<World, 'clock' | 'keyring'> & { store: Tables },
  account: Account,
  { channel, sealedSecret }: PendingFactor,
  code: string,
): Promise<{ step: number | null } | undefined> {
  if (channel !== 'totp') {
    const { outcome } = await tryCode(world, { account, purpose: 'factor', binding: channel, text: code });
    return outcome === 'right' ? { step: null } : undefined;
  }
  if (sealedSecret === null) return undefined;
  const step = stepOfCode(world.keyring.open(totpContext(account), sealedSecret), code, world.clock.now());
  return step === undefined ? undefined : { step };
}

async function switchOn(
  world: Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables },
  of: {
    account: Account;
    session: Session;
    pending: PendingFactor;
    step: number | null;
    revokeOtherSessions: boolean;
    caller: Caller;
  },
): Promise<{ account: Account; recoveryCodes: string[] }> {
  const { account, caller, session } = of;
  const { channel, sealedSecret } = of.pending;
  const { store } = world;
  const now = world.clock.now();
  await store.secondFactors.removeAll(account.id);
  if (sealedSecret !== null && of.step !== null) {
    await store.secondFactors.putTotp(account.id, { sealedSecret, lastStep: of.step, confirmedAt: now });
  }
  const { sealedRecoveryCodes } = of.pending;
  const made = sealedRecoveryCodes === null ? undefined : openCodes(world, session, sealedRecoveryCodes);
  const recoveryCodes = await replaceRecoveryCodes(world, { account, session }, made);
  await store.accounts.setCodeFactor(account.id, channel, now);
  await dropPending(store, account, now);
  await store.sessions.unprove(account.id, session.id);
  await store.sessions.markAuthenticated(session.id, { authenticatedAt: now, factorProvenAt: now });
  if (of.revokeOtherSessions) await store.sessions.endAll(account.id, session.id);
  await tellFactorChanged(world, account, { change: 'enabled', factor: channel, contract: session.contract, caller });
  return { account: { ...account, codeFactor: channel }, recoveryCodes };
}

/**
 * Switches the second factor off, with its recovery codes and whatever was pending.
 *
 * @throws {Failure} `reauthentication_required`, and as {@link requireFreshSignIn}; `session_ended`
 */
export async function disableSecondFactor(
  world: ProofWorld,
  input: { live: LiveSession; caller: Caller } & Proofs,
): Promise<Account> {
  const { caller, live } = input;
  await requireFreshSignIn(world, live, input, caller);
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillProven(inStore, live);
    await boundForAccount(inStore, account, 'credential');
    await removeSecondFactor(inStore, account, { contract: session.contract, caller });
    return { ...account, codeFactor: null };
  });
}

/** Takes the second factor away, in the caller's transaction, and tells the owner if there was one. */
export async function removeSecondFactor(
  world: Pick<World, 'clock'> & { store: Tables },
  account: Account,
  by: { contract: ContractName | 'operator'; caller: Caller | undefined },
): Promise<void> {
  const now = world.clock.now();
  await world.store.secondFactors.removeAll(account.id);
  await world.store.accounts.setCodeFactor(account.id, null, now);
  await world.store.sessions.unprove(account.id);
  await world.store.accounts.clearWrongCodes(account.id);
  await dropPending(world.store, account, now);
  if (account.codeFactor === null) return;
  await tellFactorChanged(world, account, { change: 'disabled', factor: account.codeFactor, ...by });
}

async function tellFactorChanged(
  world: Pick<World, 'clock'> & { store: Tables },
  account: Account,
  of: {
    change: 'enabled' | 'disabled';
    factor: CodeFactor;
    contract: ContractName | 'operator';
    caller: Caller | undefined;
  },
): Promise<void> {
  const { caller, change, contract, factor } = of;
  const now = world.clock.now();
  const event = auditEvent(`second_factor.${change}`, {
    account,
    contract,
    now,
    facts: { factor },
    ...(caller && { caller }),
  });
  await world.store.audit.record(event);
  const from = caller ?? { address: null, userAgent: null };
  await mailTo(world, account, {
    template: 'factor_changed',
    facts: { change, factor, ...circumstancesOf(world, account, from) },
  });
}
