import type { Account } from './account.ts';
import { auditEvent } from './audit.ts';
import { type CodePurpose, tryCode } from './delivered-code.ts';
import { circumstancesOf, mailTo } from './mail.ts';
import { canonicalRecoveryCode, recoveryCodeDigest } from './recovery-code.ts';
import { refuseUntil } from './send-limit.ts';
import type { Tables } from './store.ts';
import { hours } from './time.ts';
import { stepOfCode } from './totp.ts';
import type { Caller, ContractName, World } from './world.ts';

/** What a person types as their second factor. */
export type SecondFactorProof = { code: string } | { recoveryCode: string };

/** Wrong ones an hour an account, over all logins, sessions and contracts; recovery codes have their own (rule 17). */
const WRONG_AN_HOUR = 10;
/** Wrong ones in a row after which the owner hears that somebody knows the password (ASVS 5.0: 6.3.5) … */
const WORTH_A_NOTICE = 3;
/** … and after which the password opens nothing until a reset. */
const TOO_MANY = 30;

/** The context that seals an authenticator's secret to its account. */
export const totpContext = (account: Pick<Account, 'uuid'>): string => `totp ${account.uuid}`;

/** Reads a field that takes a code or a recovery code, whichever has its form. */
export const proofIn = (text: string): SecondFactorProof =>
  canonicalRecoveryCode(text) === undefined ? { code: text } : { recoveryCode: text };

/** Which of the account's budgets it counts in. */
export const kindOf = (proof: SecondFactorProof): 'code' | 'recovery' => ('code' in proof ? 'code' : 'recovery');

type FactorWorld = Pick<World, 'clock' | 'keyring' | 'policy'> & { store: Tables };

/**
 * - `right`: accepted, and used up with it
 * - `wrong`: compared, and counted
 * - `spent`: right once, or not compared with anything; nothing was counted
 */
export type FactorTrial = 'right' | 'wrong' | 'spent';

/**
 * Tries a second factor in the caller's transaction, the account held: one caller at a time, so that of any number side by
 * side no more are compared than the limits say. Its counts must outlive the "no": the caller throws after the commit.
 *
 * @param of.delivered which delivered code completes what is asked for
 * @throws {Failure} `rate_limited` after ten wrong ones in an hour; then nothing was compared
 * @see rules 13, 15, 17; RFC 6238 §5.2; NIST SP 800-63B-4 §3.2.2
 */
export async function trySecondFactor(
  world: FactorWorld,
  of: {
    account: Account;
    proof: SecondFactorProof;
    delivered: { purpose: CodePurpose; binding: string } | undefined;
    caller: Caller;
    contract: ContractName;
  },
): Promise<FactorTrial> {
  const { account, proof } = of;
  const kind = kindOf(proof);
  await checkCodeBudget(world, account, kind);
  const trial =
    'code' in proof ? await compareCode(world, of, proof.code) : await takeRecoveryCode(world, of, proof.recoveryCode);
  if (trial === 'wrong') await recordWrongCode(world, of, kind);
  if (trial === 'right' && account.wrongCodes > 0) await world.store.accounts.clearWrongCodes(account.id);
  return trial;
}

type Trying = Parameters<typeof trySecondFactor>[1];

async function compareCode(world: FactorWorld, { account, delivered }: Trying, text: string): Promise<FactorTrial> {
  if (account.codeFactor === 'totp') return compareTotp(world, account, text);
  if (account.codeFactor === null || !delivered) return 'spent';
  const { outcome } = await tryCode(world, { account, ...delivered, text });
  return outcome === 'none' ? 'spent' : outcome;
}

async function compareTotp(world: FactorWorld, account: Account, text: string): Promise<FactorTrial> {
  const totp = await world.store.secondFactors.findTotp(account.id);
  if (!totp) return 'spent';
  const step = stepOfCode(world.keyring.open(totpContext(account), totp.sealedSecret), text, world.clock.now());
  if (step === undefined) return 'wrong';
  return (await world.store.secondFactors.acceptStep(account.id, step)) ? 'right' : 'spent';
}

async function takeRecoveryCode(world: FactorWorld, of: Trying, text: string): Promise<FactorTrial> {
  const { account, caller, contract } = of;
  const { secondFactors } = world.store;
  const digest = recoveryCodeDigest(account, canonicalRecoveryCode(text) ?? '');
  if (account.codeFactor === null || !(await secondFactors.takeRecoveryCode(account.id, digest))) return 'wrong';
  const left = await secondFactors.countRecoveryCodes(account.id);
  await world.store.audit.record(
    auditEvent('second_factor.recovery_code_used', {
      account,
      contract,
      caller,
      now: world.clock.now(),
      facts: { left },
    }),
  );
  await mailTo(world, account, {
    template: 'recovery_code_used',
    facts: { left, ...circumstancesOf(world, account, caller) },
  });
  return 'right';
}

const budgetKey = (account: Account, kind: 'code' | 'recovery'): string => `wrong:${kind}:${account.id}`;

/** @throws {Failure} `rate_limited` after ten wrong ones in an hour */
export async function checkCodeBudget(
  world: Pick<World, 'clock'> & { store: Tables },
  account: Account,
  kind: 'code' | 'recovery' = 'code',
): Promise<void> {
  const rule = { limit: WRONG_AN_HOUR, now: world.clock.now() };
  const look = await world.store.limits.look(budgetKey(account, kind), rule);
  if (!look.allowed) refuseUntil(world, look.until);
}

/** Counts a wrong one against the account's hour. */
export async function countWrongCode(
  world: Pick<World, 'clock'> & { store: Tables },
  account: Account,
  kind: 'code' | 'recovery' = 'code',
): Promise<void> {
  const rule = { limit: WRONG_AN_HOUR, windowMilliseconds: hours(1), now: world.clock.now() };
  await world.store.limits.take(budgetKey(account, kind), rule);
}

async function recordWrongCode(world: FactorWorld, of: Trying, kind: 'code' | 'recovery'): Promise<void> {
  const { account, caller, contract } = of;
  const { store } = world;
  const now = world.clock.now();
  await countWrongCode(world, account, kind);
  const inARow = await store.accounts.countWrongCode(account.id);
  await store.audit.record(auditEvent('sign_in.second_factor_failed', { account, contract, caller, now }));
  const facts = circumstancesOf(world, account, caller);
  if (inARow === WORTH_A_NOTICE) await mailTo(world, account, { template: 'second_factor_failures', facts });
  if (inARow !== TOO_MANY) return;
  await store.passwords.disable(account.id, now);
  await store.pendingLogins.removeAll(account.id);
  await store.accounts.moveEpoch(account.id, now);
  await store.audit.record(auditEvent('password.disabled', { account, contract, caller, now }));
  await mailTo(world, account, { template: 'password_disabled', facts });
}
