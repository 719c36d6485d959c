import assert from 'node:assert/strict';
import { it } from 'node:test';
import { sql } from 'kysely';
import type { AccountId } from '../../src/core/account.ts';
import { createIdentity, type Identity } from '../../src/core/identity.ts';
import type { Store } from '../../src/core/store.ts';
import { ORIGIN } from '../contracts/bearer/client.ts';
import { SoftwareAuthenticator } from '../support/software-authenticator.ts';
import { OTHER_PASSWORD, onEachDatabase, PASSWORD } from '../support/stage.ts';
import { type BearerStage, openBearer } from './bearer-stage.ts';
import { withFactors } from './second-factors.ts';

/** One more try of an operation, with all that it needs in its place. */
interface Try {
  /** Whose rows must be as they were if it fails. */
  account?: { id: AccountId };
  /** A trip that was used stays used, whatever fails after the provider was asked. */
  usesTrip?: true;
  act(identity: Identity): Promise<unknown>;
  /** What it must have done when it says so. */
  check(): Promise<unknown>;
}

/** The same store, but for one call: the n-th of a table, inside a transaction or not. */
function failingAt(store: Store, number: number): { store: Store; failed(): boolean } {
  let calls = 0;
  const watched = <Tables extends object>(tables: Tables): Tables =>
    new Proxy(tables, {
      get(target, name) {
        const table = Reflect.get(target, name);
        if (typeof table !== 'object' || table === null) return table;
        return new Proxy(table as object, {
          get(methods, method) {
            const call = Reflect.get(methods, method);
            if (typeof call !== 'function') return call;
            return async (...given: unknown[]) => {
              calls += 1;
              if (calls === number) throw new Error(FAILED);
              return Reflect.apply(call, methods, given);
            };
          },
        });
      },
    });
  const failing = watched({
    ...store,
    transaction: <T>(work: Parameters<Store['transaction']>[0]) =>
      store.transaction((tables) => work(watched(tables))) as Promise<T>,
  } as Store);
  return { store: failing, failed: () => calls >= number };
}

const FAILED = 'the store fails at this call';

const ROWS = [
  'identifier',
  'password',
  'session',
  'one_time_token',
  'pending_login',
  'passkey',
  'linked_identity',
  'known_client',
  'totp',
  'recovery_code',
  'outbox',
];

/** Everything of an account, and how much there is of everything. */
async function snapshot(
  { handle: { read } }: BearerStage,
  { account, usesTrip }: Pick<Try, 'account' | 'usesTrip'>,
): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const table of ['account', 'audit_event', ...(usesTrip ? [] : ['spent_challenge']), ...ROWS]) {
    const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(table)}`.execute(read);
    found[`${table}s in all`] = Number(rows[0]?.count);
  }
  if (!account) return found;
  found['account'] = (await sql`select * from account where id = ${account.id}`.execute(read)).rows;
  for (const table of ROWS) {
    const { rows } = await sql<{
      tries?: number;
    }>`select * from ${sql.table(table)} where account_id = ${account.id}`.execute(read);
    // A try is counted before it is known what comes of it, and stays counted.
    found[table] = rows.map(({ tries: _, ...row }) => JSON.stringify(row)).sort();
  }
  return found;
}

/** Fails an operation at its first call of the store, at its second … until it gets through. */
async function sweep(stage: BearerStage, atLeast: number, prepare: () => Promise<Try>): Promise<void> {
  for (let number = 1; ; number += 1) {
    // Of tokens of one instant none is the newest.
    stage.clock.advance({ seconds: 1 });
    const trying = await prepare();
    const { act, check } = trying;
    const before = await snapshot(stage, trying);
    const { failed, store } = failingAt(stage.world.store, number);
    const passwordAdvice = { flawOf: async () => undefined };
    const identity = createIdentity({ ...stage.world, store, clock: stage.clock, passwordAdvice });
    const told = await act(identity).then(
      () => 'done',
      (error) => error.message as string,
    );
    if (told === 'done') {
      await check();
      await stage.checkBooks();
      // What only gives a place back may fail unheard: all that was asked for is done.
      if (failed()) continue;
      assert.ok(number > atLeast, `it got through with ${number - 1} failures`);
      return;
    }
    assert.equal(told, FAILED, `call ${number}`);
    assert.deepEqual(await snapshot(stage, trying), before, `call ${number}`);
  }
}

onEachDatabase('whichever call of the store fails, nothing half-done is left', (open) => {
  const caller = { address: '192.0.2.7', userAgent: 'Otter/1.0', clientToken: null, locale: 'en' } as const;
  let networks = 0;
  const from = () => {
    networks += 1;
    return { ...caller, network: { key: `sweep-${networks}`, factor: 1 } };
  };
  const handed = (purpose: 'magic_link' | 'exchange', token: string) =>
    ({ contract: 'bearer', purpose, token, caller: from() }) as const;
  const opensOneMore = async (stage: BearerStage, account: { id: AccountId }) => {
    const before = (await stage.sessionsOf(account.id)).length;
    return async () => assert.equal((await stage.sessionsOf(account.id)).length, before + 1);
  };

  it('of a sign-up', async () => {
    const stage = await openBearer(open);
    await sweep(stage, 12, async () => {
      const email = stage.address();
      return {
        act: (identity) =>
          identity.signUp({ contract: 'bearer', email, name: 'Ada', password: PASSWORD, caller: from() }),
        async check() {
          const account = await stage.world.store.accounts.findByIdentifier('email', email);
          assert.equal((await stage.sessionsOf(account?.id ?? 0)).length, 1);
          assert.ok(await stage.world.store.passwords.find(account?.id ?? assert.fail()));
        },
      };
    });
  });

  it('of an address that is proven', async () => {
    const stage = await openBearer(open);
    await sweep(stage, 4, async () => {
      const account = await stage.person({ verified: false });
      const token = await stage.token(account, 'email_verification', null);
      return {
        account,
        act: (identity) => identity.verifyEmail({ token, contract: 'bearer', caller: from() }),
        check: async () => assert.ok((await stage.world.store.accounts.find(account.id))?.emailVerifiedAt),
      };
    });
  });

  it('of a magic link that is asked for', async () => {
    const stage = await openBearer(open);
    await sweep(stage, 8, async () => {
      const account = await stage.person();
      return {
        account,
        act: (identity) => identity.sendMagicLink({ contract: 'bearer', email: account.email, caller: from() }),
        check: () => stage.tokenFor(account.email),
      };
    });
  });

  it('of a magic link whose button is pressed', async () => {
    const stage = await openBearer(open);
    const account = await stage.person();
    await sweep(stage, 5, async () => {
      const token = await stage.magicLink(account);
      return {
        account,
        act: (identity) => identity.openMagicLink({ token, caller: from() }),
        check: () => assert.rejects(stage.identity.lookAtMagicLink({ token }), { code: 'token_invalid' }),
      };
    });
  });

  for (const purpose of ['magic_link', 'exchange'] as const) {
    const facts = { redirectUrl: null, codeChallenge: null, firstFactor: 'provider' } as const;

    it(`of a sign-in with a token of ${purpose}`, async () => {
      const stage = await openBearer(open);
      const account = await stage.person();
      await sweep(stage, 10, async () => {
        const token = await stage.token(account, purpose, facts);
        const check = await opensOneMore(stage, account);
        return { account, check, act: (identity) => identity.signInHandedOver(handed(purpose, token)) };
      });
    });

    it(`of a login that waits for the second factor after a token of ${purpose}, and of its code`, async () => {
      const stage = await openBearer(open);
      const factors = await withFactors(stage);
      const who = await factors.somebody('totp');
      const account = (await stage.world.store.accounts.find(who.id)) ?? assert.fail();
      await sweep(stage, 6, async () => {
        const token = await stage.token(account, purpose, facts);
        return {
          account,
          act: (identity) => identity.signInHandedOver(handed(purpose, token)),
          async check() {
            const waiting = await stage.world.store.pendingLogins.list(who.id, 'bearer', stage.clock.now());
            assert.ok(waiting.length > 0);
          },
        };
      });
      await sweep(stage, 14, async () => {
        const token = await stage.token(account, purpose, facts);
        await stage.identity.signInHandedOver(handed(purpose, token));
        const check = await opensOneMore(stage, account);
        stage.clock.advance({ seconds: 61 });
        const code = await factors.code(who);
        return {
          account,
          check,
          act: (identity) => identity.signInHandedOver({ ...handed(purpose, token), secondFactor: { code } }),
        };
      });
    });
  }

  it('of the password that completes what a link began', async () => {
    const stage = await openBearer(open);
    const factors = await withFactors(stage);
    const who = await factors.somebody('email');
    const account = (await stage.world.store.accounts.find(who.id)) ?? assert.fail();
    await sweep(stage, 14, async () => {
      const token = await stage.magicLink(account);
      await stage.identity.signInHandedOver(handed('magic_link', token));
      const check = await opensOneMore(stage, account);
      return {
        account,
        check,
        act: (identity) => identity.signInHandedOver({ ...handed('magic_link', token), password: PASSWORD }),
      };
    });
  });

  it('of the owner’s arrival by a link: all that was planted goes, or nothing', async () => {
    const stage = await openBearer(open);
    await sweep(stage, 25, async () => {
      const account = await stage.person({ verified: false, firstName: 'Planted' });
      await stage.byPassword(account.email);
      await stage.link(account, stage.stranger());
      const token = await stage.magicLink(account);
      return {
        account,
        act: (identity) => identity.signInHandedOver(handed('magic_link', token)),
        async check() {
          const { linkedIdentities, passwords } = stage.world.store;
          assert.deepEqual(
            [
              await passwords.find(account.id),
              await linkedIdentities.list(account.id),
              (await stage.sessionsOf(account.id)).length,
            ],
            [undefined, [], 1],
          );
        },
      };
    });
  });

  it('of a reset, also as the owner’s arrival', async () => {
    const stage = await openBearer(open);
    for (const verified of [true, false]) {
      await sweep(stage, verified ? 12 : 20, async () => {
        const account = await stage.person({ verified });
        await stage.byPassword(account.email);
        const token = await stage.token(account, 'password_reset', null);
        const reset = { contract: 'bearer', token, password: OTHER_PASSWORD, caller: from() } as const;
        return {
          account,
          act: (identity) => identity.finishPasswordReset(reset),
          check: () => stage.byPassword(account.email, stage.at(0), OTHER_PASSWORD),
        };
      });
    }
  });

  it('of a passkey that is added, and of the offer of it', async () => {
    const stage = await openBearer(open);
    await sweep(stage, 4, async () => {
      const { session, ...account } = await stage.member();
      const live = await stage.liveBy(session);
      return {
        account,
        act: (identity) => identity.startPasskeyRegistration({ live, caller: from() }),
        check: async () => assert.ok(await stage.world.store.passkeys.findHandle(account.id)),
      };
    });
    await sweep(stage, 9, async () => {
      const { session, ...account } = await stage.member();
      const live = await stage.liveBy(session);
      const options = await stage.identity.startPasskeyRegistration({ live, caller: from() });
      const response = new SoftwareAuthenticator().register(options, { origin: ORIGIN });
      return {
        account,
        act: (identity) => identity.finishPasskeyRegistration({ live, response, name: null, caller: from() }),
        check: async () => assert.equal((await stage.world.store.passkeys.list(account.id)).length, 1),
      };
    });
  });

  it('of a sign-in with a passkey, of one that makes a session fresh, and of its removal', async () => {
    const stage = await openBearer(open);
    const { session, ...account } = await stage.member();
    const authenticator = await stage.addPasskey(await stage.liveBy(session));
    await sweep(stage, 14, async () => {
      const options = await stage.identity.startPasskeySignIn({ contract: 'bearer' });
      const response = authenticator.assert(options, { origin: ORIGIN });
      const check = await opensOneMore(stage, account);
      return {
        account,
        check,
        act: (identity) => identity.finishPasskeySignIn({ contract: 'bearer', response, caller: from() }),
      };
    });
    await sweep(stage, 8, async () => {
      stage.clock.advance({ minutes: 1 });
      const live = await stage.liveBy(session);
      const options = await stage.identity.startPasskeyReauthentication({ live });
      const response = authenticator.assert(options, { origin: ORIGIN });
      return {
        account,
        act: (identity) => identity.finishPasskeyReauthentication({ live, response, caller: from() }),
        check: async () => assert.equal((await stage.liveBy(session)).session.authenticatedAt, stage.clock.now()),
      };
    });
    const [passkey] = await stage.world.store.passkeys.list(account.id);
    await sweep(stage, 7, async () => {
      const live = await stage.liveBy(session);
      return {
        account,
        act: (identity) => identity.removePasskey({ live, uuid: passkey?.uuid ?? '', caller: from() }),
        check: async () => assert.deepEqual(await stage.world.store.passkeys.list(account.id), []),
      };
    });
  });

  it('of a provider that is linked, from the ticket to the code, and unlinked', async () => {
    const stage = await openBearer(open);
    await sweep(stage, 4, async () => {
      const { session, ...account } = await stage.member();
      const live = await stage.liveBy(session);
      return {
        account,
        act: (identity) => identity.startProviderLink({ live, provider: 'github', caller: from() }),
        check: async () => {},
      };
    });
    await sweep(stage, 5, async () => {
      const { session, ...account } = await stage.member();
      const live = await stage.liveBy(session);
      const { ticket } = await stage.at(0).startProviderLink({ live, provider: 'github', caller: from() });
      return {
        account,
        act: (identity) => identity.startTrip({ provider: 'github', ticket }),
        check: () => assert.rejects(stage.trip('github', ticket), { code: 'token_invalid' }),
      };
    });
    await sweep(stage, 5, async () => {
      const { session, ...account } = await stage.member();
      const live = await stage.liveBy(session);
      const { ticket } = await stage.at(0).startProviderLink({ live, provider: 'github', caller: from() });
      const trip = await stage.trip('github', ticket);
      const usesTrip = true as const;
      const act = (identity: Identity) => stage.comeBack(stage.stranger(), trip, identity);
      return { account, usesTrip, act, check: async () => {} };
    });
    const who = stage.stranger();
    const { session, ...account } = await stage.member();
    await sweep(stage, 9, async () => {
      const live = await stage.liveBy(session);
      const facts = { identity: who, sessionId: session.session.id };
      const code = await stage.token(account, 'provider_identity', facts);
      return {
        account,
        act: (identity) => identity.finishProviderLink({ live, provider: 'github', code, caller: from() }),
        check: async () => assert.equal((await stage.world.store.linkedIdentities.list(account.id)).length, 1),
      };
    });
    await sweep(stage, 7, async () => {
      const live = await stage.liveBy(session);
      return {
        account,
        act: (identity) => identity.unlinkProvider({ live, provider: 'github', caller: from() }),
        check: async () => assert.deepEqual(await stage.world.store.linkedIdentities.list(account.id), []),
      };
    });
  });

  it('of somebody who comes back from a provider: a new account, a known one, a joined one, one that is theirs', async () => {
    const stage = await openBearer(open);
    const found = async (email: string) =>
      (await stage.world.store.accounts.findByIdentifier('email', email)) ?? assert.fail();
    await sweep(stage, 15, async () => {
      const [who, trip] = [stage.stranger(), await stage.trip()];
      return {
        usesTrip: true,
        act: (identity) => stage.comeBack(who, trip, identity),
        async check() {
          const account = await found(who.email ?? '');
          assert.equal((await stage.world.store.linkedIdentities.list(account.id)).length, 1);
          assert.equal((await stage.sessionsOf(account.id)).length, 1);
        },
      };
    });
    for (const [what, verified, least] of [
      ['known', true, 12],
      ['joined', true, 18],
      ['taken over', false, 28],
    ] as const) {
      await sweep(stage, least, async () => {
        const account = await stage.person({ verified });
        const who = stage.stranger({ email: account.email });
        if (what === 'known') await stage.link(account, who);
        const trip = await stage.trip();
        return {
          account,
          usesTrip: true,
          act: (identity) => stage.comeBack(who, trip, identity),
          async check() {
            assert.equal((await stage.world.store.linkedIdentities.list(account.id)).length, 1);
            assert.equal((await stage.sessionsOf(account.id)).length, 1);
            assert.equal((await stage.world.store.passwords.find(account.id)) !== undefined, verified);
          },
        };
      });
    }
  });

  it('of another e-mail address, asked for and proven', async () => {
    const stage = await openBearer(open);
    await sweep(stage, 9, async () => {
      const { session, ...account } = await stage.member();
      const [email, live] = [stage.address(), await stage.liveBy(session)];
      return {
        account,
        act: (identity) => identity.startEmailChange({ live, email, caller: from() }),
        check: () => stage.tokenFor(email),
      };
    });
    await sweep(stage, 11, async () => {
      const account = await stage.member();
      const email = stage.address();
      const token = await stage.emailChange(account, email);
      return {
        account,
        act: (identity) => identity.finishEmailChange({ token, contract: 'bearer', caller: from() }),
        check: async () => assert.equal((await stage.world.store.accounts.find(account.id))?.email, email),
      };
    });
  });

  it('of a name that is changed, and of an account that is deleted', async () => {
    const stage = await openBearer(open);
    const { session, ...account } = await stage.member();
    await sweep(stage, 3, async () => {
      const live = await stage.liveBy(session);
      return {
        account,
        act: (identity) => identity.changeProfile({ live, name: 'Ada', caller: from() }),
        check: async () => assert.equal((await stage.world.store.accounts.find(account.id))?.name, 'Ada'),
      };
    });
    await sweep(stage, 7, async () => {
      const live = await stage.liveBy(session);
      return {
        account,
        act: (identity) => identity.deleteOwnAccount({ live, caller: from() }),
        check: async () => assert.equal(await stage.world.store.accounts.find(account.id), undefined),
      };
    });
  });
});
