import assert from 'node:assert/strict';
import type { AccountId, CodeFactor } from '../../src/core/account.ts';
import type { DeviceDescription } from '../../src/core/device.ts';
import type { Identity } from '../../src/core/identity.ts';
import type { SecondFactorDue } from '../../src/core/pending-login.ts';
import type { SecondFactorProof } from '../../src/core/second-factor.ts';
import type { PendingLoginName } from '../../src/core/second-factor-sign-in.ts';
import type { LiveSession } from '../../src/core/session.ts';
import type { SignedIn } from '../../src/core/session-start.ts';
import { ensureSigningKey } from '../../src/core/signing-key.ts';
import { stepAt, totpAt } from '../../src/core/totp.ts';
import type { Caller } from '../../src/core/world.ts';
import { type OpenStage, PASSWORD, type Stage } from '../support/stage.ts';

export const FACTORS = ['totp', 'email', 'sms'] as const;
export const DELIVERED = ['email', 'sms'] as const;

type Contract = 'cookie' | 'device';

/** Somebody whose second factor is on. */
export interface Somebody {
  id: AccountId;
  uuid: string;
  email: string;
  /** Proven, like the address. */
  phone: string;
  channel: CodeFactor;
  /** The authenticator's; empty for a delivered factor. */
  secret: string;
  recoveryCodes: string[];
}

/** What has been counted against an account. */
export interface Counted {
  /** Wrong codes in the hour, and wrong recovery codes. */
  codes: number;
  recoveryCodes: number;
  /** Of both, without a right one between. */
  inARow: number;
}

export interface FactorStage extends Stage {
  /** A French mobile number nobody has. */
  phone(): string;
  /** An account with a proven address and a proven number, and no second factor. */
  reachable(): Promise<{ id: AccountId; uuid: string; email: string; phone: string }>;
  /** Enrols somebody; the hour of that is over, and nothing is left of it in the mailbox. */
  somebody(channel: CodeFactor): Promise<Somebody>;
  /** The first step. */
  login(who: { email: string }, of?: LoginOptions): Promise<SecondFactorDue>;
  /** The second step, by challenge unless the pending login is named otherwise. */
  complete(
    pending: { challenge: string } | { name: PendingLoginName },
    proof: SecondFactorProof,
    of?: { contract?: Contract; caller?: Caller; identity?: Identity; device?: DeviceDescription },
  ): Promise<SignedIn>;
  /** Both steps. */
  signInFully(who: Somebody, of?: LoginOptions): Promise<SignedIn>;
  /** Both steps, for the session as a request finds it. */
  liveFully(who: Somebody, of?: LoginOptions): Promise<LiveSession>;
  /** The session as a request that changes something finds it. */
  liveIn(contract: Contract, signedIn: { accessToken: string }): Promise<LiveSession>;
  /** What is right now: the authenticator's, in its next step if this one is spent, or the newest that was sent. */
  code(who: Somebody): Promise<string>;
  /** What nobody would take now. */
  wrong(who: Somebody, count: number): Promise<string[]>;
  /** Codes that were sent to an address or number, newest first. */
  codesTo(to: string): Promise<string[]>;
  /** How often a notice or code of this subject went to the address. */
  subjectsTo(to: string): Promise<string[]>;
  counted(who: { id: AccountId }): Promise<Counted>;
}

export interface LoginOptions {
  contract?: Contract;
  caller?: Caller;
  identity?: Identity;
  identifier?: string;
  password?: string;
  device?: DeviceDescription;
}

let numbers = 0;
/** Where the codes of a factor go. */
export const addressOf = (who: Somebody): string => (who.channel === 'sms' ? who.phone : who.email);
export const plainDevice = (fingerprint: string | null = null): DeviceDescription => ({
  type: null,
  name: null,
  os: null,
  fingerprint,
});
export const asCode = (code: string): SecondFactorProof => ({ code });

/** A stage with people who sign in in two steps. */
export async function openFactors(open: OpenStage): Promise<FactorStage> {
  return withFactors(await open());
}

export async function withFactors(opened: Stage): Promise<FactorStage> {
  await ensureSigningKey(opened.world, 'device');
  const { clock, handle, identity: ownIdentity, world } = opened;

  const stage: FactorStage = {
    ...opened,
    phone() {
      numbers += 1;
      return `+3368${String(7_000_000 + numbers)}`;
    },
    async reachable() {
      const { id, uuid, email } = await stage.person();
      const phone = stage.phone();
      await world.store.transaction(({ identifiers }) =>
        identifiers.replace({ accountId: id, kind: 'phone', value: phone, verifiedAt: clock.now() }),
      );
      return { id, uuid, email, phone };
    },
    async somebody(channel) {
      const person = await stage.reachable();
      const caller = stage.caller();
      const live = await stage.live(await stage.signIn(person.email, { caller }));
      const started = await ownIdentity.startSecondFactor({ live, channel, caller });
      const who = { ...person, channel, secret: started.channel === 'totp' ? started.secret : '', recoveryCodes: [] };
      const code = await stage.code(who);
      const { recoveryCodes } = await ownIdentity.confirmSecondFactor({
        live,
        code,
        revokeOtherSessions: false,
        caller,
      });
      await world.store.transaction(({ sessions }) => sessions.endAll(person.id));
      clock.advance({ minutes: 61 });
      await stage.mails();
      await stage.mailbox?.empty();
      return { ...who, recoveryCodes };
    },
    async login(who, of = {}) {
      const { contract = 'cookie', caller = stage.caller(), identity = ownIdentity, identifier = who.email } = of;
      const { device, password = PASSWORD } = of;
      const answer = await identity.signInWithPassword({
        contract,
        identifier,
        password,
        caller,
        mustBeProven: 'any',
        ...(contract === 'device' && { device: device ?? plainDevice() }),
      });
      assert.equal(answer.outcome, 'second_factor_due');
      return answer as SecondFactorDue;
    },
    complete(pending, proof, { contract = 'cookie', caller = stage.caller(), identity = ownIdentity, device } = {}) {
      const name = 'name' in pending ? pending.name : { challenge: pending.challenge };
      return identity.completeSignIn({ contract, name, proof, caller, ...(device && { device }) });
    },
    async signInFully(who, of = {}) {
      const caller = of.caller ?? stage.caller();
      const pending = await stage.login(who, { ...of, caller });
      return stage.complete(pending, asCode(await stage.code(who)), { ...of, caller });
    },
    async liveFully(who, of = {}) {
      return stage.liveIn(of.contract ?? 'cookie', await stage.signInFully(who, of));
    },
    liveIn: (contract, { accessToken }) => ownIdentity.checkSession({ contract, accessToken, changes: true }),
    async code(who) {
      if (who.channel === 'totp') {
        const last = await world.store.secondFactors.findTotp(who.id);
        return totpAt(who.secret, Math.max(stepAt(clock.now()), (last?.lastStep ?? 0) + 1));
      }
      const [newest] = await stage.codesTo(addressOf(who));
      assert.ok(newest, `no code went to ${addressOf(who)}`);
      return newest;
    },
    async wrong(who, count) {
      const right =
        who.channel === 'totp'
          ? [-2, -1, 0, 1, 2].map((distance) => totpAt(who.secret, stepAt(clock.now()) + distance))
          : await stage.codesTo(addressOf(who));
      const begin = Number(right[0] ?? 0);
      const others = Array.from({ length: count + right.length }, (_, index) =>
        String((begin + 1 + index) % 1_000_000).padStart(6, '0'),
      );
      return others.filter((code) => !right.includes(code)).slice(0, count);
    },
    codesTo: async (to) => (await stage.mails(to)).flatMap(({ code }) => (code === null ? [] : [code])),
    subjectsTo: async (to) => (await stage.mails(to)).map(({ subject }) => subject),
    async counted({ id }) {
      const rows = await handle.read
        .selectFrom('rate_limit')
        .select(['key', 'count'])
        .where('key', 'in', [`wrong:code:${id}`, `wrong:recovery:${id}`])
        .where('resets_at', '>', clock.now())
        .execute();
      const of = (kind: string): number => rows.find(({ key }) => key === `wrong:${kind}:${id}`)?.count ?? 0;
      const account = await world.store.accounts.find(id);
      return { codes: of('code'), recoveryCodes: of('recovery'), inARow: account?.wrongCodes ?? -1 };
    },
  };
  return stage;
}

/** A text after a while, for what comes in by turns: the codes of the failures, or what a success is called. */
export const outcomeOf = (answer: Promise<unknown>, name = 'yes'): Promise<string> =>
  answer.then(
    () => name,
    (error) => error.code ?? error.message,
  );

export const codeWrong = { code: 'code_wrong' } as const;
