import assert from 'node:assert/strict';
import type { BrowserSession } from '../../src/core/browser-session.ts';
import type { Identity } from '../../src/core/identity.ts';
import type { SignedIn } from '../../src/core/session-start.ts';
import type { Caller } from '../../src/core/world.ts';
import { PASSWORD, type Stage } from '../support/stage.ts';

export const ended = { code: 'session_ended' };
/** 256 bits in base64url. */
export const SECRET_VALUE = /^[\w-]{43}$/;

/** What a browser holds in its cookies, and who it says it is. */
export interface Browser {
  sessionToken: string | undefined;
  rememberToken: string | undefined;
  caller: Caller;
}

/** Somebody's browser that has signed in, remembered unless said otherwise. */
export async function signInBrowser(
  stage: Stage,
  email: string,
  of: {
    remember?: boolean;
    caller?: Caller;
    identity?: Identity;
    replaces?: Partial<Browser>;
    password?: string;
  } = {},
): Promise<Browser & { signedIn: SignedIn<'sanctum'> }> {
  const { caller = stage.caller(), identity = stage.identity, replaces, remember = true } = of;
  const answer = await identity.signInWithPassword({
    contract: 'sanctum',
    identifier: email,
    kind: 'email',
    password: of.password ?? PASSWORD,
    caller,
    mustBeProven: 'email',
    remember,
    ...(replaces && { replaces: { sessionToken: replaces.sessionToken, refreshToken: replaces.rememberToken } }),
  });
  assert.ok(answer.outcome === 'signed_in');
  const { rememberToken, sessionToken } = answer;
  return { sessionToken, rememberToken: rememberToken ?? undefined, caller, signedIn: answer };
}

/** Somebody new with a browser that stays signed in. */
export async function rememberedBrowser(stage: Stage) {
  const person = await stage.person();
  return { ...(await signInBrowser(stage, person.email)), person };
}

/** What a request with the browser's cookies finds. */
export const openIn = (
  { identity }: Pick<Stage, 'identity'>,
  { caller, rememberToken, sessionToken }: Browser,
): Promise<BrowserSession> => identity.openBrowserSession({ sessionToken, rememberToken, caller });

/** The same browser without what its session's cookie held. */
export const forgetful = (browser: Browser): Browser => ({ ...browser, sessionToken: undefined });

/** Opens the session anew, for the browser as it is then. */
export async function revived(stage: Pick<Stage, 'identity'>, browser: Browser): Promise<Browser & BrowserSession> {
  const opened = await openIn(stage, forgetful(browser));
  assert.match(opened.sessionToken ?? '', SECRET_VALUE);
  assert.match(opened.rememberToken ?? '', SECRET_VALUE);
  return {
    ...opened,
    caller: browser.caller,
    sessionToken: opened.sessionToken ?? undefined,
    rememberToken: opened.rememberToken ?? undefined,
  } as Browser & BrowserSession;
}

/** The account's sessions as they are kept. */
export async function sessionRows({ handle }: Stage, accountId: number) {
  const rows = await handle.read.selectFrom('session').selectAll().where('account_id', '=', accountId).execute();
  return rows.map((row) => ({ ...row }));
}

/** What the account's sessions are remembered by, oldest first. */
export const tokenRows = ({ handle }: Stage, accountId: number) =>
  handle.read
    .selectFrom('refresh_token')
    .innerJoin('session', 'session.id', 'refresh_token.session_id')
    .selectAll('refresh_token')
    .where('session.account_id', '=', accountId)
    .orderBy('refresh_token.created_at')
    .execute();

/** How many values there are that could still be spent. */
export const unspent = async (stage: Stage, accountId: number): Promise<number> =>
  (await tokenRows(stage, accountId)).filter((row) => row.rotated_at === null).length;

/** How often the owner was told that something was replayed. */
export const alarms = async (stage: Pick<Stage, 'mails'>, email: string): Promise<number> =>
  (await stage.mails(email)).filter(({ subject }) => subject === 'We signed a device out of your account').length;
