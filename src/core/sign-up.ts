import type { Account } from './account.ts';
import { type Registration, registerAnd } from './registration.ts';
import type { SessionContract } from './session-lifetime.ts';
import { type SignedIn, signedInWith, startSession } from './session-start.ts';
import type { World } from './world.ts';

export type SignUp<Contract extends SessionContract> =
  | SignedIn<Contract>
  /** The account is there; nobody gets in before its address is proven. */
  | { outcome: 'identifier_unproven'; account: Account };

/**
 * Registers and, where the policy lets people in before their address is proven, signs in: until then the session opens
 * what asks for no proof and nothing else (K04).
 *
 * @throws {Failure} as `register`
 */
export async function signUp<Contract extends SessionContract>(
  world: Pick<
    World,
    'accessTokens' | 'clock' | 'hasher' | 'keyring' | 'passwordAdvice' | 'phones' | 'policy' | 'random' | 'store'
  >,
  input: Registration & { contract: Contract },
): Promise<SignUp<Contract>> {
  const { caller, contract } = input;
  const { account, result: started } = await registerAnd(world, input, async (inStore, account) =>
    world.policy.requireVerifiedEmail
      ? undefined
      : startSession(inStore, { account, contract, caller, secondFactor: false }),
  );
  return started ? signedInWith(world, contract, started) : { outcome: 'identifier_unproven', account };
}
