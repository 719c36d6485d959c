import assert from 'node:assert/strict';
import type { AccountId } from '../../src/core/account.ts';
import type { Identity } from '../../src/core/identity.ts';
import type { LiveSession } from '../../src/core/session.ts';
import { stepAt, totpAt } from '../../src/core/totp.ts';
import type { Caller } from '../../src/core/world.ts';
import { PASSWORD, type Stage } from '../support/stage.ts';

/** A browser with a session of the sanctum contract. */
export interface Browser {
  id: AccountId;
  uuid: string;
  email: string;
  /** Its session cookie. */
  sessionToken: string;
  caller: Caller;
}

/** Signs somebody in who has no second factor. */
export async function browserOf(stage: Stage, who: Pick<Browser, 'id' | 'uuid' | 'email'>): Promise<Browser> {
  const { email, id, uuid } = who;
  const caller = stage.caller();
  const signedIn = await stage.identity.signInWithPassword({
    contract: 'sanctum',
    identifier: email,
    password: PASSWORD,
    caller,
    mustBeProven: 'email',
  });
  if (signedIn.outcome !== 'signed_in') return assert.fail(signedIn.outcome);
  return { id, uuid, email, sessionToken: signedIn.sessionToken, caller };
}

export const somebodyNew = async (stage: Stage): Promise<Browser> => browserOf(stage, await stage.person());

/** What its session cookie opens, for a request that changes something. */
export const opened = ({ identity }: Stage, { caller, sessionToken }: Browser, at: Identity = identity) =>
  at.openBrowserSession({ sessionToken, rememberToken: undefined, caller });

export const liveOf = async (stage: Stage, browser: Browser): Promise<LiveSession> =>
  (await opened(stage, browser)).live;

/** Confirms the password, and keeps the new session cookie. */
export async function confirm(stage: Stage, browser: Browser, code?: string): Promise<Browser> {
  const confirmed = await stage.identity.confirmPassword({
    live: await liveOf(stage, browser),
    password: PASSWORD,
    ...(code !== undefined && { secondFactor: { code } }),
    caller: browser.caller,
  });
  if (confirmed.outcome !== 'confirmed') return assert.fail(confirmed.outcome);
  return { ...browser, sessionToken: confirmed.sessionToken ?? browser.sessionToken };
}

export const codeNow = ({ clock }: Stage, secret: string): string => totpAt(secret, stepAt(clock.now()));

/** Begins to switch an authenticator on. @returns its secret */
export async function begin(stage: Stage, browser: Browser): Promise<string> {
  const live = await liveOf(stage, browser);
  const started = await stage.identity.startSecondFactor({ live, channel: 'totp', caller: browser.caller });
  return started.channel === 'totp' ? started.secret : assert.fail(started.channel);
}

/** Switches one on, in a session whose password is confirmed. */
export async function switchOn(stage: Stage, browser: Browser): Promise<{ secret: string; recoveryCodes: string[] }> {
  const secret = await begin(stage, browser);
  const { recoveryCodes } = await stage.identity.confirmSecondFactor({
    live: await liveOf(stage, browser),
    code: codeNow(stage, secret),
    revokeOtherSessions: false,
    caller: browser.caller,
  });
  return { secret, recoveryCodes };
}
