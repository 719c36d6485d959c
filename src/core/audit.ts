import type { AccountId } from './account.ts';
import type { Instant } from './time.ts';
import type { Caller, ContractName } from './world.ts';

/** What happened, in the order of an account's life. */
export type AuditKind =
  | 'account.registered'
  | 'account.profile_changed'
  | 'account.created'
  | 'account.labelled'
  | 'account.disowned'
  | 'account.taken_over'
  | 'account.locked'
  | 'account.unlocked'
  | 'account.deleted'
  | 'email.verified'
  | 'phone.verified'
  | 'email.changed'
  | 'phone.changed'
  | 'second_factor.enabled'
  | 'second_factor.disabled'
  | 'second_factor.recovery_code_used'
  | 'second_factor.recovery_codes_renewed'
  | 'passkey.added'
  | 'passkey.renamed'
  | 'passkey.removed'
  | 'passkey.counter_regressed'
  | 'provider.linked'
  | 'provider.unlinked'
  | 'device.forgotten'
  | 'password.changed'
  | 'password.disabled'
  | 'password.reset'
  | 'password.reset_requested'
  | 'password.set_up'
  | 'password.set_up_requested'
  | 'magic_link.requested'
  | 'sign_in.succeeded'
  | 'sign_in.failed'
  | 'sign_in.second_factor_due'
  | 'sign_in.second_factor_failed'
  | 'sign_in.locked_out'
  | 'sign_in.unlocked'
  | 'session.ended'
  | 'session.ended_others'
  | 'session.ended_by_cap'
  | 'session.reauthenticated'
  | 'session.replayed'
  | 'site.created'
  | 'site.changed'
  | 'site.deleted'
  | 'site.joined'
  | 'site.left'
  | 'role.created'
  | 'role.changed'
  | 'role.deleted'
  | 'role.granted'
  | 'role.revoked'
  | 'permission.created'
  | 'permission.deleted'
  | 'permission.granted'
  | 'permission.revoked'
  | 'signing_key.rotated'
  | 'sms.budget_used_up';

/** One entry of the record, written in the transaction of the change it tells of. */
export interface AuditEvent {
  kind: AuditKind;
  at: Instant;
  /** Nameless, so that it may outlive the account. */
  accountUuid: string | null;
  accountId: AccountId | null;
  contract: ContractName | 'operator' | 'page' | 'system';
  /** Facts without personal details. */
  facts: Record<string, string | number | boolean>;
  /** Personal details; erased with the account. */
  details: { address: string | null; userAgent: string | null };
}

export interface RecordedEvent extends AuditEvent {
  id: number;
  /** Place in the chain once the sealer has numbered it. */
  sequence: number | null;
}

/** Fills in who and when for an event of one call. */
export function auditEvent(
  kind: AuditKind,
  of: {
    account: { id: AccountId; uuid: string } | undefined;
    contract: AuditEvent['contract'];
    caller?: Pick<Caller, 'address' | 'userAgent'>;
    now: Instant;
    facts?: AuditEvent['facts'];
  },
): AuditEvent {
  return {
    kind,
    at: of.now,
    accountUuid: of.account?.uuid ?? null,
    accountId: of.account?.id ?? null,
    contract: of.contract,
    facts: of.facts ?? {},
    details: { address: of.caller?.address ?? null, userAgent: of.caller?.userAgent ?? null },
  };
}
