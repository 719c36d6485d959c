import { Failure } from '../../core/failure.ts';
import type { SetUpLink } from '../../core/set-up-link.ts';
import { orGive } from '../../http/contract.ts';
import type { Guest } from './guard.ts';
import type * as schema from './schemas.ts';
import { fullName } from './views.ts';
import type { Visit } from './visit.ts';

const contract = 'sanctum';

type Linked = Visit<unknown, { id: string; hash: string }>;

/** @throws {Failure} `not_found` if what stands in the account's place is no number */
function linkIn({ call: { params, query } }: Linked): SetUpLink {
  if (!/^\d+$/.test(params.id)) throw new Failure('not_found');
  const expires = query.get('expires') ?? '';
  return {
    id: Number(params.id),
    hash: params.hash,
    expires: /^\d{1,12}$/.test(expires) ? Number(expires) : 0,
    signature: query.get('signature') ?? '',
  };
}

export const lookAtSetUp: Guest<
  undefined,
  typeof schema.SetUpLink,
  typeof schema.SetUpParams,
  typeof schema.SetUpRefused
> = async (visit) => {
  const seen = await visit.call.identity.lookAtSetUp(linkIn(visit));
  if (seen.outcome !== 'valid') return orGive({ valid: false, message: visit.say.setUp[seen.outcome] });
  const { account } = seen;
  return { valid: true, user: { id: account.id, email: account.email, full_name: fullName(account) } };
};

export const setUp: Guest<
  typeof schema.SetUpForm,
  typeof schema.Done,
  typeof schema.SetUpParams,
  typeof schema.Done
> = async (visit) => {
  const { body, call, say } = visit;
  const { password } = body;
  const { outcome } = await call.identity.finishSetUp({
    link: linkIn(visit),
    password,
    contract,
    caller: call.caller,
  });
  return outcome === 'set_up' ? { message: say.setUpDone } : orGive({ message: say.setUp[outcome] });
};

export const sendSetUp: Guest<typeof schema.Forgotten, typeof schema.Done> = async ({ body, call, say }) => {
  await call.identity.resendSetUp({ contract, email: body.email, caller: call.caller });
  return { message: say.setUpSent };
};
