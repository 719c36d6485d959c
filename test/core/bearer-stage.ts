import assert from 'node:assert/strict';
import { sql } from 'kysely';
import type { Account } from '../../src/core/account.ts';
import { createIdentity, type Identity } from '../../src/core/identity.ts';
import type { IdentityProviders, ProviderIdentity } from '../../src/core/identity-provider.ts';
import { makeOneTimeToken, type OneTimeFacts, type OneTimePurpose } from '../../src/core/one-time-token.ts';
import type { LiveSession } from '../../src/core/session.ts';
import type { SignedIn } from '../../src/core/session-start.ts';
import type { World } from '../../src/core/world.ts';
import { ORIGIN } from '../contracts/bearer/client.ts';
import { SoftwareAuthenticator } from '../support/software-authenticator.ts';
import { type OpenStage, PASSWORD, type Stage } from '../support/stage.ts';
import { secondServer, watchingRepeats } from '../support/two-servers.ts';

export type BearerSession = SignedIn<'bearer'>;
type Person = Account & { email: string };

export interface BearerStage extends Stage {
  /** The server that a caller reaches: one of two on the same database. */
  at(index: number): Identity;
  /** How often a database had to do something twice, because two transactions waited for each other. */
  repeats(): number;
  /** Somebody with a password, signed in. */
  member(of?: Parameters<Stage['person']>[0]): Promise<Person & { session: BearerSession }>;
  /** Somebody without one, signed in by a link. */
  passwordless(of?: { verified?: boolean }): Promise<Person & { session: BearerSession }>;
  byPassword(email: string, identity?: Identity, password?: string): Promise<BearerSession>;
  byLink(account: Person, identity?: Identity): Promise<BearerSession>;
  /** The session as a request that changes something finds it. */
  liveBy(session: { sessionToken: string }, identity?: Identity): Promise<LiveSession>;
  /** A token as it would be mailed, or handed over. */
  token<Purpose extends OneTimePurpose>(
    account: Account,
    purpose: Purpose,
    facts: OneTimeFacts[Purpose],
    identifier?: string,
  ): Promise<string>;
  magicLink(account: Account): Promise<string>;
  /** The token of a link that the account's session asked for. */
  emailChange(member: Account & { session: BearerSession }, to: string): Promise<string>;
  addPasskey(live: LiveSession, authenticator?: SoftwareAuthenticator): Promise<SoftwareAuthenticator>;
  /** Somebody as a provider knows them, whom nobody has met; it may speak for the address. */
  stranger(of?: Partial<ProviderIdentity>): ProviderIdentity;
  /** A trip that a browser is about to come back from. */
  trip(provider?: string, ticket?: string): Promise<{ trip: string; state: string }>;
  comeBack(
    who: ProviderIdentity,
    from: { trip: string; state: string },
    identity?: Identity,
  ): ReturnType<Identity['finishTrip']>;
  /** Links an identity as a sign-in would have. */
  link(account: Account, who: ProviderIdentity): Promise<void>;
  sessionsOf(id: number): Promise<string[]>;
  /** Checks what must hold at any time, over all tables. */
  checkBooks(): Promise<void>;
}

/** Providers that say whatever the browser brings: who comes back is the test's to say. */
export const obligingProviders: IdentityProviders = {
  has: () => true,
  authorizationUrl: async (_, { state }) => `https://provider.example/authorize?state=${state}`,
  identify: async (_, answer) => JSON.parse(answer.get('who') ?? '') as ProviderIdentity,
};

let strangers = 0;

/** Two servers on one database, and people who use the bearer contract. */
export async function openBearer(open: OpenStage): Promise<BearerStage> {
  const opened = await open();
  const second = await secondServer(opened);
  const { clock, handle } = opened;
  const world: World = { ...opened.world, providers: obligingProviders };
  let repeats = 0;
  const identities = [world, { ...second.world, providers: obligingProviders }].map((each) =>
    createIdentity({
      ...each,
      store: watchingRepeats(each.store, () => {
        repeats += 1;
      }),
      clock,
      passwordAdvice: { flawOf: async () => undefined },
    }),
  );
  const own = identities[0] as Identity;

  const stage: BearerStage = {
    ...opened,
    world,
    at: (index) => identities[index % 2] as Identity,
    repeats: () => repeats,
    async member(of) {
      const person = await stage.person(of);
      return { ...person, session: await stage.byPassword(person.email, own, of?.password) };
    },
    async passwordless({ verified = true } = {}) {
      const email = stage.address();
      const account = { ...(await own.createAccount({ email, verified })), email };
      return { ...account, session: await stage.byLink(account) };
    },
    async byPassword(email, identity = own, password = PASSWORD) {
      const answer = await identity.signInWithPassword({
        contract: 'bearer',
        identifier: email,
        kind: 'email',
        password,
        caller: stage.caller(),
        mustBeProven: 'as_set',
      });
      assert.equal(answer.outcome, 'signed_in');
      return answer as BearerSession;
    },
    async byLink(account, identity = own) {
      const token = await stage.magicLink(account);
      const answer = await identity.signInHandedOver({
        contract: 'bearer',
        purpose: 'magic_link',
        token,
        caller: stage.caller(),
      });
      assert.equal(answer.outcome, 'signed_in');
      return answer as BearerSession;
    },
    liveBy: ({ sessionToken }, identity = own) =>
      identity.checkSessionToken({ contract: 'bearer', sessionToken, changes: true, unprovenToo: true }),
    async token(account, purpose, facts, identifier) {
      const { token } = await world.store.transaction(async (store) => {
        const now = (await store.accounts.find(account.id)) ?? account;
        const of = { purpose, account: now, identifier: identifier ?? now.email ?? '', facts };
        return makeOneTimeToken({ ...world, store }, of as Parameters<typeof makeOneTimeToken>[1]);
      });
      return token;
    },
    magicLink: (account) => stage.token(account, 'magic_link', { redirectUrl: null, codeChallenge: null }),
    emailChange: ({ session, ...account }, to) =>
      stage.token(account, 'email_change', { sessionId: session.session.id }, to),
    async addPasskey(live, authenticator = new SoftwareAuthenticator()) {
      const caller = stage.caller();
      const options = await own.startPasskeyRegistration({ live, caller });
      const response = authenticator.register(options, { origin: ORIGIN });
      await own.finishPasskeyRegistration({ live, response, name: null, caller });
      return authenticator;
    },
    stranger(of = {}) {
      strangers += 1;
      return {
        provider: 'github',
        subject: `subject ${strangers}`,
        email: stage.address('octocat'),
        emailVerified: true,
        speaksForEmail: true,
        name: 'The Octocat',
        picture: null,
        ...of,
      };
    },
    async trip(provider = 'github', ticket) {
      const { trip, url } = await own.startTrip({ provider, ...(ticket !== undefined && { ticket }) });
      return { trip, state: new URL(url).searchParams.get('state') ?? '' };
    },
    comeBack: (who, { state, trip }, identity = own) =>
      identity.finishTrip({
        contract: 'bearer',
        provider: who.provider,
        trip,
        answer: new URLSearchParams({ state, who: JSON.stringify(who) }),
        caller: stage.caller(),
      }),
    async link(account, { email, provider, subject }) {
      const now = clock.now();
      const identity = { provider, subject, accountId: account.id, email, createdAt: now, lastUsedAt: null };
      assert.ok(await world.store.transaction(({ linkedIdentities }) => linkedIdentities.add(identity)));
    },
    async sessionsOf(id) {
      const rows = await handle.read.selectFrom('session').select('id').where('account_id', '=', id).execute();
      return rows.map((row) => row.id).sort();
    },
    async checkBooks() {
      const found: Record<string, unknown[]> = {};
      for (const [what, query] of Object.entries(WRONG)) {
        const { rows } = await sql.raw(query).execute(handle.read);
        if (rows.length > 0) found[what] = rows;
      }
      assert.deepEqual(found, {});
    },
  };
  return stage;
}

const orphans = (table: string): string =>
  `select account_id from ${table} where account_id not in (select id from account)`;

/** What no row may ever show, each as the query that finds it. */
const WRONG: Record<string, string> = {
  'a session of nobody': orphans('session'),
  'a session of somebody locked':
    'select session.id from session join account on account.id = session.account_id where account.disabled_at is not null',
  'a link of nobody': orphans('linked_identity'),
  'a passkey of nobody': orphans('passkey'),
  'a token of nobody': orphans('one_time_token'),
  'a waiting login of nobody': orphans('pending_login'),
  'a password of nobody': orphans('password'),
  'an address of nobody': orphans('identifier'),
  'an account without an identifier': 'select id from account where id not in (select account_id from identifier)',
  'an address that two accounts hold':
    'select value from identifier where pending = 0 group by kind, value having count(*) > 1',
  'two addresses of one account':
    'select account_id from identifier where pending = 0 group by account_id, kind having count(*) > 1',
  'a bearer session that nothing opens': "select id from session where contract = 'bearer' and token_digest is null",
  'a session of another contract with a bearer token':
    "select id from session where contract <> 'bearer' and token_digest is not null",
  'a token or waiting login of an epoch to come':
    'select account.id from account join one_time_token as token on token.account_id = account.id where token.epoch > account.epoch union select account.id from account join pending_login as pending on pending.account_id = account.id where pending.epoch > account.epoch',
};

/** Only these, whatever the counts. */
export function assertOnly(lost: readonly string[], allowed: readonly string[]): void {
  assert.deepEqual(
    [...new Set(lost)].filter((code) => !allowed.includes(code)),
    [],
  );
}
