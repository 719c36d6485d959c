import { type Handler, redirectTo } from '../../http/contract.ts';
import { type CookieAttributes, type Cookies, hostCookie } from '../../http/cookies.ts';
import { contract, liveSession, proofsIn, secondFactorDue } from './calls.ts';
import type * as schema from './schemas.ts';
import { linkedView, signedInView } from './views.ts';
import type { Words } from './words.ts';

/**
 * What binds a way to a provider and back to one browser. `Lax`, since it comes back by a link of another site; for as
 * long as the trip may take (R097).
 */
const STATE: CookieAttributes = { path: '/', maxAge: 600, sameSite: 'lax', httpOnly: true };
const stateName = (secure: boolean): string => hostCookie('guichet_oauth', secure);

const takeState = (cookies: Cookies, secure: boolean): string | undefined => {
  const state = cookies.get(stateName(secure));
  if (state !== undefined) cookies.clear(stateName(secure), STATE);
  return state;
};

export const start: Handler<undefined, typeof schema.Nothing, Words, typeof schema.NamedProvider> = async (call) => {
  const asked = (name: string): string | undefined => call.query.get(name) ?? undefined;
  const { trip, url } = await call.identity.startTrip({
    provider: call.params.provider,
    redirectUrl: asked('redirectUrl'),
    codeChallenge: asked('codeChallenge'),
    ticket: asked('ticket'),
  });
  call.cookies.set(stateName(call.secure), trip, STATE);
  return redirectTo(url);
};

export const finish: Handler<
  undefined,
  typeof schema.ProviderReturn,
  Words,
  typeof schema.NamedProvider,
  typeof schema.SecondFactorDue
> = async (call) => {
  const answer = await call.identity.finishTrip({
    contract,
    provider: call.params.provider,
    trip: takeState(call.cookies, call.secure),
    answer: call.query,
    caller: call.caller,
  });
  switch (answer.outcome) {
    case 'sent_on':
      return redirectTo(answer.url);
    case 'identified':
      return { code: answer.code };
    case 'signed_in':
      return signedInView(answer);
    case 'second_factor_due':
      return secondFactorDue(call, answer);
  }
};

/** Without a code it gives the way to the provider; with the code that came back from there it links. */
export const link: Handler<
  typeof schema.ProviderLink,
  typeof schema.LinkStep,
  Words,
  typeof schema.NamedProvider
> = async (call) => {
  const live = await liveSession(call, { changes: true });
  const { code, redirectUrl } = call.body;
  const { provider } = call.params;
  const { caller } = call;
  if (code !== undefined) {
    await call.identity.finishProviderLink({ live, provider, code, caller });
    return { success: true as const, message: call.say.providerLinked };
  }
  const proofs = proofsIn(call.body);
  const { ticket } = await call.identity.startProviderLink({ live, provider, redirectUrl, caller, ...proofs });
  return { url: `${call.publicOrigin}${call.prefix}/oauth/${provider}?ticket=${ticket}` };
};

export const list: Handler<undefined, typeof schema.Accounts, Words> = async (call) => {
  const live = await liveSession(call, { changes: false });
  return { accounts: (await call.identity.listLinkedProviders(live)).map(linkedView) };
};

export const unlink: Handler<typeof schema.Proofs, typeof schema.Done, Words, typeof schema.ProviderParams> = async (
  call,
) => {
  const live = await liveSession(call, { changes: true });
  const { provider } = call.params;
  await call.identity.unlinkProvider({ live, provider, caller: call.caller, ...proofsIn(call.body) });
  return { success: true, message: call.say.providerUnlinked };
};
