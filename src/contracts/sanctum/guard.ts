import type { Static, TSchema } from 'typebox';
import { Failure, type Failures } from '../../core/failure.ts';
import { inspectBody } from '../../http/body.ts';
import {
  type Call,
  type Handler,
  type Line,
  type OrGiven,
  type RedirectTo,
  type Route,
  route,
} from '../../http/contract.ts';
import { Refusal } from '../../http/refusal.ts';
import { judge, labelOf, normalised } from './judge.ts';
import type { SanctumOptions } from './options.ts';
import { isStateful } from './stateful.ts';
import { type MemberVisit, Visit } from './visit.ts';
import type { Words } from './words.ts';

type Schema = TSchema | undefined;
type Read<Of extends Schema> = Of extends TSchema ? Static<Of> : undefined;
type Given<Gives extends TSchema, OrGives extends Schema> = Promise<
  Static<Gives> | (OrGives extends TSchema ? OrGiven<Static<OrGives>> : never) | RedirectTo
>;

/** What a line of the table says. */
interface Of<Takes extends Schema, Gives extends TSchema, Params extends Schema, OrGives extends Schema> {
  summary: string;
  description?: string;
  takes?: Takes;
  params?: Params;
  query?: TSchema;
  gives: readonly [status: number, body: Gives];
  orGives?: readonly [status: number, body: OrGives];
  redirects?: boolean;
  atRoot?: boolean;
  mayFail?: readonly (keyof Failures)[];
}

/** The handler of a line that asks for no session; of one that does. */
export type Guest<
  Takes extends Schema,
  Gives extends TSchema,
  Params extends Schema = undefined,
  OrGives extends Schema = undefined,
> = (visit: Visit<Read<Takes>, Read<Params>>) => Given<Gives, OrGives>;
export type Member<
  Takes extends Schema,
  Gives extends TSchema,
  Params extends Schema = undefined,
  OrGives extends Schema = undefined,
> = (visit: MemberVisit<Read<Takes>, Read<Params>>) => Given<Gives, OrGives>;

interface Kind {
  /** Whether the request must come from a front end that is known to have sessions here; elsewhere any may. */
  stateful: boolean;
  /** Whether somebody must be signed in. */
  member: boolean;
  /** Whether it is for somebody else as well than the browser is signed in as. */
  anybody?: boolean;
  /** Whether the token of the captcha service is asked for. */
  captcha?: boolean;
}

/**
 * The kinds of line there are, each guarded in the order that front ends know: the token of the session (419), who is signed
 * in (401), the captcha and the body (422), and only then its handler. Whatever the answer, it carries the session on.
 */
export function guardsOf(options: SanctumOptions) {
  const line =
    (kindOf: (of: { atRoot?: boolean }) => Kind) =>
    <
      Gives extends TSchema,
      Takes extends Schema = undefined,
      Params extends Schema = undefined,
      OrGives extends Schema = undefined,
    >(
      text: Line,
      of: Of<Takes, Gives, Params, OrGives> & {
        by: (visit: MemberVisit<Read<Takes>, Read<Params>>) => Given<Gives, OrGives>;
      },
    ): Route<Words> => {
      const handler = guarded(text, of.takes, kindOf(of), options, of.by as (visit: MemberVisit) => Promise<unknown>);
      return route(text, { ...of, by: handler as Handler<Takes, Gives, Words, Params, OrGives> } as never);
    };
  return {
    guest: line(() => ({ stateful: false, member: false })),
    /** For somebody who signs in, whoever the browser is signed in as. */
    newcomer: line(() => ({ stateful: false, member: false, anybody: true })),
    /** For somebody without a session who asks for a mail. */
    asked: line(() => ({ stateful: false, member: false, captcha: true })),
    member: line(({ atRoot }) => ({ stateful: !atRoot, member: true })),
    /** The same, wherever it comes from. */
    anyMember: line(() => ({ stateful: false, member: true })),
  };
}

function guarded(
  line: Line,
  takes: Schema,
  kind: Kind,
  options: SanctumOptions,
  handler: (visit: MemberVisit) => Promise<unknown>,
) {
  const changes = !line.startsWith('GET ');
  return async (call: Call<unknown, unknown, Words>): Promise<unknown> => {
    if (kind.stateful && !isStateful(call, options)) throw new Failure('session_ended', { credential: 'missing' });
    const visit = new Visit(call, options) as MemberVisit;
    try {
      const isOurs = !changes || showsToken(visit);
      if (!kind.member || !isOurs)
        visit.isSignedIn = await visit.recognise({ anybody: kind.anybody === true, changes });
      if (!isOurs) throw new Refusal('csrf_mismatch');
      if (kind.member) visit.live = await visit.openSession();
      if (kind.captcha) await checkCaptcha(visit);
      inspectBody(call.body);
      if (call.othersKey !== undefined) refuseField(call.othersKey, visit.say.field.malformed(labelOf(call.othersKey)));
      if (takes) visit.body = judge(takes, call.body, { say: visit.say, minimum: options.passwordMinimum });
      return await handler(visit);
    } finally {
      visit.carry();
    }
  };
}

/** The first of them that holds anything is the one that counts, whatever it holds. */
function showsToken({ call, options, session }: Visit): boolean {
  const { _token: field } = (call.body ?? {}) as { _token?: unknown };
  const carriers = [field, call.query.get('_token'), call.header('x-csrf-token'), call.header('x-xsrf-token')];
  const token = carriers.map((carrier) => normalised('_token', carrier)).find((carrier) => carrier !== null);
  return session !== undefined && typeof token === 'string' && options.xsrf.check(session, token);
}

/** @throws {Refusal} `form_rejected` */
function refuseField(field: string, text: string): never {
  throw new Refusal('form_rejected', { errors: { [field]: [text] } });
}

/** @throws {Refusal} `form_rejected` @throws {Failure} `rate_limited` past thirty in five minutes from one network */
async function checkCaptcha({ call, options, say }: Visit): Promise<void> {
  if (!options.captcha) return;
  const { recaptcha_token: given } = (call.body ?? {}) as { recaptcha_token?: unknown };
  const token = normalised('recaptcha_token', given);
  if (typeof token !== 'string') return refuseField('recaptcha_token', say.captchaRequired);
  // The service is asked for nobody as often as they like, and by no network so often that others wait.
  await call.identity.boundCaptcha({ caller: call.caller });
  if (!(await options.captcha.passes(token, call.caller.address))) refuseField('recaptcha_token', say.captchaFailed);
}
