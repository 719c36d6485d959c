import type { Account, CodeFactor } from './account.ts';
import { verifies } from './code-challenge.ts';
import { Failure } from './failure.ts';
import { openSignIn } from './first-factor.ts';
import { type OneTimeToken, peekOneTimeToken, takeOneTimeToken } from './one-time-token.ts';
import { completeWithPassword } from './password-step.ts';
import { type FirstFactor, type PendingLogin, type SecondFactorDue, secondStepOf } from './pending-login.ts';
import type { SecondFactorProof } from './second-factor.ts';
import { completeSignIn } from './second-factor-sign-in.ts';
import type { SessionContract } from './session-lifetime.ts';
import { type SignedIn, type StartedSession, signedInWith } from './session-start.ts';
import type { SignInWorld } from './sign-in.ts';
import type { Tables } from './store.ts';
import { meetOwner } from './takeover.ts';
import type { Caller, World } from './world.ts';

/** A sign-in without the password: what opens it was mailed, or handed over in a redirect. */
export interface HandedSignIn<Contract extends SessionContract = SessionContract> {
  contract: Contract;
  purpose: 'magic_link' | 'exchange';
  /** What was handed over; a client that has presented it may name the login that waits by its challenge instead. */
  token?: string | undefined;
  challenge?: string | undefined;
  /** Of the challenge that was given when the sign-in was asked for. */
  codeVerifier?: string | undefined;
  /** Where the page that presents it comes from, if a browser says so. */
  origin?: string | undefined;
  secondFactor?: SecondFactorProof | undefined;
  /** The second step where an e-mailed code would prove the same mailbox twice. */
  password?: string | undefined;
  caller: Caller;
}

export type HandedOver<Contract extends SessionContract> =
  | SignedIn<Contract>
  | SecondFactorDue<CodeFactor | 'password'>;

/**
 * Signs in with a mailed link, or with the code of a redirect. The first presentation consumes it; on an account with a
 * second factor it opens a login that waits, which the same token or its challenge completes, and the token alone says
 * again what is missing (rule 16).
 *
 * @throws {Failure} `token_invalid` or `token_expired`; also without the verifier, and for a page of another origin than the return's
 * @throws {Failure} `input_rejected` if neither token nor challenge was given
 * @throws {Failure} `code_wrong`, `rate_limited`; with a password as `signInWithPassword`
 * @see rules 7, 13, 16, 25; RFC 7636; R063
 */
export async function signInHandedOver<Contract extends SessionContract>(
  world: SignInWorld,
  input: HandedSignIn<Contract>,
): Promise<HandedOver<Contract>> {
  const { caller, contract, password, secondFactor: proof } = input;
  const challenges = challengesOf(world, input);
  if (challenges.length === 0) {
    const field = input.purpose === 'exchange' ? 'code' : 'token';
    throw new Failure('input_rejected', { fields: { [field]: 'required' } });
  }
  const opened = await present(world, input, challenges[0] ?? '');
  if (opened && 'session' in opened) return signedInWith(world, contract, opened);
  const due = opened ?? (await waitingFor(world, input, challenges));
  if (!due) throw new Failure('token_invalid');
  if (proof) return completeSignIn(world, { contract, name: { challenge: due.challenge }, proof, caller });
  if (password !== undefined && due.channel === 'password') {
    return completeWithPassword(world, { contract, challenge: due.challenge, password, caller });
  }
  return due;
}

/**
 * The challenge of the login that a token opens: whoever has the token, and the verifier where one is asked for, has it
 * too, so that nothing of it must be kept. Under each secret that is accepted, the current one first.
 */
function challengesOf(
  world: Pick<World, 'keyring'>,
  { challenge, codeVerifier = '', purpose, token }: HandedSignIn,
): string[] {
  if (token === undefined) return challenge === undefined ? [] : [challenge];
  return world.keyring.digests('token-challenge', JSON.stringify([purpose, token, codeVerifier]));
}

/** @returns `undefined` if there is no such token (any more) */
async function present(
  world: SignInWorld,
  input: HandedSignIn,
  challenge: string,
): Promise<StartedSession | SecondFactorDue<CodeFactor | 'password'> | undefined> {
  const { token: text } = input;
  if (text === undefined) return undefined;
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const digests = world.keyring.digests('one-time-token', text);
    const seen = await store.oneTimeTokens.find(input.purpose, digests);
    // Again with the account held: whoever comes second finds what the first has opened.
    if (!seen || !(await store.accounts.hold(seen.accountId))) return undefined;
    if (!(await store.oneTimeTokens.find(input.purpose, digests))) return undefined;
    checkPresenter(await peekOneTimeToken(inStore, input.purpose, text), input);
    const { account: held, token } = await takeOneTimeToken(inStore, input.purpose, text);
    const { caller, contract } = input;
    const account =
      input.purpose === 'magic_link' ? await meetOwner(inStore, held, { proven: 'email', contract, caller }) : held;
    const joins = 'joins' in token.facts ? (token.facts.joins ?? null) : null;
    const origin = input.purpose === 'exchange' ? originOf(token) : null;
    const firstFactor = firstFactorOf(token);
    return openSignIn(inStore, { account, contract, caller, firstFactor, challenge, joins, origin });
  });
}

type HandedToken = OneTimeToken<'magic_link' | 'exchange'>;

/** @throws {Failure} `token_invalid`; the token stays for whom it was made for */
function checkPresenter({ token }: { token: HandedToken }, { codeVerifier, origin, purpose }: HandedSignIn): void {
  const { codeChallenge } = token.facts;
  const foreign = isForeign(purpose === 'exchange' ? originOf(token) : null, origin);
  if (foreign || !verifies(codeChallenge, codeVerifier)) throw new Failure('token_invalid');
}

/** A code that was handed to one application is no other's to redeem, nor to complete (rule 25). */
const isForeign = (own: string | null, origin: string | undefined): boolean =>
  own !== null && origin !== undefined && own !== origin;

const originOf = ({ facts: { redirectUrl } }: HandedToken): string | null =>
  redirectUrl === null ? null : (URL.parse(redirectUrl)?.origin ?? null);

const firstFactorOf = ({ facts }: HandedToken): FirstFactor =>
  'firstFactor' in facts ? facts.firstFactor : 'magic_link';

/** What a login that was opened before still waits for. */
async function waitingFor(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  { contract, origin }: HandedSignIn,
  challenges: readonly string[],
): Promise<SecondFactorDue<CodeFactor | 'password'> | undefined> {
  for (const challenge of challenges) {
    const found = await reachWaiting(world, contract, challenge);
    if (!found || found.account.codeFactor === null || isForeign(found.pending.origin, origin)) continue;
    const channel = secondStepOf(found.account.codeFactor, found.pending.firstFactor);
    return { outcome: 'second_factor_due', challenge, channel };
  }
  return undefined;
}

async function reachWaiting(
  world: Pick<World, 'clock' | 'keyring'> & { store: Pick<Tables, 'accounts' | 'pendingLogins'> },
  contract: SessionContract,
  challenge: string,
): Promise<{ account: Account; pending: PendingLogin } | undefined> {
  const digests = world.keyring.digests('challenge', challenge);
  const pending = await world.store.pendingLogins.find(digests, contract, world.clock.now());
  const account = pending && (await world.store.accounts.find(pending.accountId));
  return account && pending && account.epoch === pending.epoch ? { account, pending } : undefined;
}
