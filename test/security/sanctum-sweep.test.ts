import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sql } from 'kysely';
import { createIdentity, type Identity } from '../../src/core/identity.ts';
import type { LiveSession } from '../../src/core/session.ts';
import type { SignedIn } from '../../src/core/session-start.ts';
import type { Store } from '../../src/core/store.ts';
import { stepAt, totpAt } from '../../src/core/totp.ts';
import type { Caller } from '../../src/core/world.ts';
import { shared } from '../support/shared.ts';
import { openStage, PASSWORD, type Stage } from '../support/stage.ts';

const FAILED = 'the store fails at this call';
const NEW_PASSWORD = 'granite otter parade 77';

/** One more try of an operation, with all that it needs in its place. */
interface Try {
  act(identity: Identity): Promise<unknown>;
  /** What it must have done when it says so. */
  check(): Promise<unknown>;
}

/** The same store, but for its n-th call, inside a transaction or not. */
function failingAt(store: Store, number: number): { store: Store; calls(): number } {
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
  return { store: failing, calls: () => calls };
}

/** All tables but those that count what was tried, and, in those that count beside other things, what counts. */
const UNTOUCHED = ['rate_limit', 'attempt', 'mailbox_message', 'audit_detail'];

async function snapshot({ handle: { read } }: Stage, but: readonly string[]): Promise<Record<string, unknown>> {
  const { rows: names } = await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(
    read,
  );
  const found: Record<string, unknown> = {};
  for (const { name } of names) {
    if (UNTOUCHED.includes(name) || name.startsWith('sqlite_')) continue;
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(read);
    found[name] = rows
      .map((row) => Object.entries(row).filter(([column]) => column !== 'tries' && !but.includes(`${name}.${column}`)))
      .map((row) => JSON.stringify(row))
      .sort();
    if (but.includes(name)) delete found[name];
  }
  return found;
}

/** Fails an operation at its first call of the store, at its second … until it gets through. */
async function sweep(
  stage: Stage,
  { atLeast, but = [] }: { atLeast: number; but?: readonly string[] },
  prepare: () => Promise<Try>,
): Promise<void> {
  for (let number = 1; ; number += 1) {
    stage.clock.advance({ seconds: 61 });
    const { act, check } = await prepare();
    const before = await snapshot(stage, but);
    const { calls, store } = failingAt(stage.world.store, number);
    const passwordAdvice = { flawOf: async () => undefined };
    const identity = createIdentity({ ...stage.world, store, clock: stage.clock, passwordAdvice });
    const told = await act(identity).then(
      () => 'done',
      (error) => error.message as string,
    );
    if (told === 'done') {
      await check();
      // What only gives a place back may fail unheard: all that was asked for is done.
      if (calls() >= number) continue;
      assert.ok(number > atLeast, `it got through with ${number - 1} failures`);
      return;
    }
    assert.equal(told, FAILED, `call ${number}`);
    assert.deepEqual(await snapshot(stage, but), before, `call ${number}`);
  }
}

describe('whichever call of the store fails, the sanctum contract leaves nothing half-done', () => {
  const stage = shared((t) => openStage(t));
  const caller = (): Caller => stage().caller();
  type Session = SignedIn<'sanctum'>;

  const signIn = async (
    email: string,
    identity: Identity = stage().identity,
    of: { remember?: boolean; caller?: Caller; password?: string } = {},
  ) =>
    identity.signInWithPassword({
      contract: 'sanctum',
      identifier: email,
      kind: 'email',
      password: of.password ?? PASSWORD,
      caller: of.caller ?? caller(),
      mustBeProven: 'email',
      replaces: {},
      remember: of.remember ?? false,
      ratedByMinute: true,
    });
  const member = async (of: { remember?: boolean } = {}) => {
    const account = await stage().person();
    const session = (await signIn(account.email, undefined, of)) as Session;
    assert.equal(session.outcome, 'signed_in');
    return { ...account, session };
  };
  const open = ({ sessionToken }: { sessionToken: string }): Promise<LiveSession> =>
    stage()
      .identity.openBrowserSession({ sessionToken, rememberToken: undefined, caller: caller() })
      .then(({ live }) => live);
  const confirmed = async (session: { sessionToken: string }, code?: string) => {
    const live = await open(session);
    const done = await stage().identity.confirmPassword({
      live,
      password: PASSWORD,
      caller: caller(),
      ...(code !== undefined && { secondFactor: { code } }),
    });
    assert.ok(done.outcome === 'confirmed' && done.sessionToken);
    return open({ sessionToken: done.sessionToken });
  };
  /** Somebody with an authenticator, and a session that is fresh. */
  const enrolled = async (of: { remember?: boolean } = {}) => {
    const account = await member(of);
    const live = await confirmed(account.session);
    const started = await stage().identity.startSecondFactor({ live, channel: 'totp', caller: caller() });
    assert.equal(started.channel, 'totp');
    const secret = started.channel === 'totp' ? started.secret : '';
    const totp = (): string => totpAt(secret, stepAt(stage().clock.now()));
    const { recoveryCodes } = await stage().identity.confirmSecondFactor({
      live,
      code: totp(),
      revokeOtherSessions: false,
      caller: caller(),
    });
    stage().clock.advance({ seconds: 61 });
    const fresh = (await stage().world.store.sessions.find(live.session.id)) as LiveSession;
    return { ...account, live: fresh, recoveryCodes, totp };
  };
  const find = (live: LiveSession) => stage().world.store.sessions.find(live.session.id);

  it('of a login, remembered or not, and of one that waits for the second factor', async () => {
    const account = await stage().person();
    const from = caller();
    await sweep(stage(), { atLeast: 12 }, async () => {
      let session: Session;
      return {
        act: async (identity) => {
          session = (await signIn(account.email, identity, { remember: true, caller: from })) as Session;
        },
        check: async () => assert.ok(await open(session)),
      };
    });
    const { email } = await enrolled();
    await sweep(stage(), { atLeast: 8 }, async () => ({
      act: (identity) => signIn(email, identity, { caller: from }),
      check: async () => {},
    }));
  });

  it('of a second factor, by a code and by a recovery code', async () => {
    for (const kind of ['code', 'recovery'] as const) {
      await sweep(stage(), { atLeast: 12 }, async () => {
        const { email, id, recoveryCodes, totp } = await enrolled();
        const due = await signIn(email);
        assert.equal(due.outcome, 'second_factor_due');
        const challenge = due.outcome === 'second_factor_due' ? due.challenge : '';
        const before = (await stage().world.store.sessions.list(id, 0)).length;
        const proof = kind === 'code' ? { code: totp() } : { recoveryCode: recoveryCodes[0] ?? '' };
        return {
          act: (identity) =>
            identity.completeSignIn({
              contract: 'sanctum',
              name: { challenge },
              proof,
              caller: caller(),
              replaces: {},
              ratedByMinute: true,
            }),
          check: async () => assert.equal((await stage().world.store.sessions.list(id, 0)).length, before + 1),
        };
      });
    }
  });

  it('of a confirmed password, with and without a code', async () => {
    await sweep(stage(), { atLeast: 6 }, async () => {
      const { session } = await member();
      const live = await open(session);
      return {
        act: (identity) => identity.confirmPassword({ live, password: PASSWORD, caller: caller() }),
        check: async () => assert.notEqual((await find(live))?.session.passwordConfirmedAt, null),
      };
    });
    // The code is used up by itself; a password is confirmed with it or not at all.
    const but = [
      'totp.last_step',
      'session.factor_proven_at',
      'session.authenticated_at',
      'audit_event',
      'account.wrong_codes',
    ];
    await sweep(stage(), { atLeast: 10, but }, async () => {
      const { session, totp, email } = await enrolled({ remember: true });
      const live = await stage()
        .identity.openBrowserSession({
          sessionToken: undefined,
          rememberToken: session.rememberToken ?? '',
          caller: { ...caller(), userAgent: 'Otter/1.0' },
        })
        .then((opened) => opened.live);
      assert.equal(live.session.factorProvenAt, null, email);
      return {
        act: (identity) =>
          identity.confirmPassword({ live, password: PASSWORD, secondFactor: { code: totp() }, caller: caller() }),
        check: async () => assert.notEqual((await find(live))?.session.passwordConfirmedAt, null),
      };
    });
  });

  it('of an authenticator that is set up, confirmed, and switched off, and of new recovery codes', async () => {
    const { store } = stage().world;
    await sweep(stage(), { atLeast: 5 }, async () => {
      const { session } = await member();
      const live = await confirmed(session);
      return {
        act: (identity) => identity.startSecondFactor({ live, channel: 'totp', caller: caller() }),
        check: async () => assert.equal((await stage().identity.listShownRecoveryCodes({ live })).length, 8),
      };
    });
    await sweep(stage(), { atLeast: 15 }, async () => {
      const { id, session } = await member();
      const live = await confirmed(session);
      const started = await stage().identity.startSecondFactor({ live, channel: 'totp', caller: caller() });
      const code = started.channel === 'totp' ? totpAt(started.secret, stepAt(stage().clock.now())) : '';
      return {
        act: (identity) => identity.confirmSecondFactor({ live, code, revokeOtherSessions: false, caller: caller() }),
        check: async () => {
          assert.ok(await store.secondFactors.findTotp(id));
          assert.equal(await store.secondFactors.countRecoveryCodes(id), 8);
        },
      };
    });
    await sweep(stage(), { atLeast: 8 }, async () => {
      const { id, live } = await enrolled();
      return {
        act: (identity) => identity.renewRecoveryCodes({ live, caller: caller() }),
        check: async () => assert.equal(await store.secondFactors.countRecoveryCodes(id), 8),
      };
    });
    await sweep(stage(), { atLeast: 9 }, async () => {
      const { id, live } = await enrolled();
      return {
        act: (identity) => identity.disableSecondFactor({ live, caller: caller() }),
        check: async () => assert.equal((await store.accounts.find(id))?.codeFactor, null),
      };
    });
  });

  it('of a session that is remembered, and of a logout', async () => {
    await sweep(stage(), { atLeast: 5 }, async () => {
      const { session } = await member({ remember: true });
      let token: string | null = null;
      return {
        act: async (identity) => {
          const from = { ...caller(), userAgent: 'Otter/1.0' };
          const opened = await identity.openBrowserSession({
            sessionToken: undefined,
            rememberToken: session.rememberToken ?? '',
            caller: from,
          });
          token = opened.sessionToken;
        },
        check: async () => assert.ok(await open({ sessionToken: token ?? '' })),
      };
    });
    await sweep(stage(), { atLeast: 3 }, async () => {
      const { id, session } = await member({ remember: true });
      const credentials = { sessionToken: session.sessionToken, refreshToken: session.rememberToken ?? '' };
      return {
        act: (identity) => identity.signOut({ contract: 'sanctum', credentials, caller: caller() }),
        check: async () => assert.deepEqual(await stage().world.store.sessions.list(id, 0), []),
      };
    });
  });

  it('of a changed password, and of an invitation that is sent again and used', async () => {
    const { identity: own, world } = stage();
    await sweep(stage(), { atLeast: 12 }, async () => {
      const { email, session } = await member({ remember: true });
      const live = await open(session);
      return {
        act: (identity) =>
          identity.changePassword({ live, currentPassword: PASSWORD, newPassword: NEW_PASSWORD, caller: caller() }),
        check: async () => assert.equal((await signIn(email, own, { password: NEW_PASSWORD })).outcome, 'signed_in'),
      };
    });
    await sweep(stage(), { atLeast: 5 }, async () => {
      const email = stage().address('invited');
      await own.createAccount({ email });
      stage().clock.advance({ minutes: 2 });
      const before = (await stage().mails(email)).length;
      return {
        act: (identity) => identity.resendSetUp({ contract: 'sanctum', email, caller: caller() }),
        check: async () => assert.equal((await stage().mails(email)).length, before + 1),
      };
    });
    await sweep(stage(), { atLeast: 12 }, async () => {
      const email = stage().address('invited');
      const { id } = await own.createAccount({ email });
      const link = new URL((await stage().mails(email))[0]?.links[0] ?? '');
      const [, , , hash = ''] = link.pathname.split('/');
      const { expires, signature } = Object.fromEntries(link.searchParams) as Record<string, string>;
      const form = { id, hash, expires: Number(expires), signature: signature ?? '' };
      return {
        act: (identity) =>
          identity.finishSetUp({ link: form, password: NEW_PASSWORD, contract: 'sanctum', caller: caller() }),
        check: async () => {
          assert.ok(await world.store.passwords.find(id));
          assert.equal((await signIn(email, own, { password: NEW_PASSWORD })).outcome, 'signed_in');
        },
      };
    });
  });

  it('of a site that is chosen, and of rights that are given and taken', async () => {
    const { identity: own } = stage();
    const site = await own.createSite({ name: 'Sweep', isHeadquarters: false });
    const other = await own.createSite({ name: 'Other', isHeadquarters: false });
    const { session, uuid } = await member();
    await own.joinSite({ uuid, siteId: other.id });
    await own.joinSite({ uuid, siteId: site.id });
    await sweep(stage(), { atLeast: 4 }, async () => {
      const live = await open(session);
      stage().clock.advance({ minutes: 61 });
      const siteId = live.session.siteId === site.id ? other.id : site.id;
      return {
        act: (identity) => identity.chooseSite({ live, siteId, caller: caller() }),
        check: async () => assert.equal((await find(live))?.session.siteId, siteId),
      };
    });
    let number = 0;
    await sweep(stage(), { atLeast: 7 }, async () => {
      const { session, uuid } = await member();
      number += 1;
      const role = `role ${number}`;
      return {
        act: (identity) => identity.grantRole({ uuid, role, siteId: site.id, permissions: [`thing${number}.view`] }),
        check: async () => assert.deepEqual((await own.rightsOf(await open(session))).roles, [role]),
      };
    });
    await sweep(stage(), { atLeast: 4 }, async () => {
      const { session, uuid } = await member();
      await own.grantRole({ uuid, role: 'leaver', siteId: site.id, permissions: ['safe.open'] });
      return {
        act: (identity) => identity.leaveSite({ uuid, siteId: site.id }),
        check: async () => assert.deepEqual((await own.rightsOf(await open(session))).sites, []),
      };
    });
    await sweep(stage(), { atLeast: 3 }, async () => {
      const { session, uuid } = await member();
      const { id } = await own.createSite({ name: 'Gone', isHeadquarters: false });
      await own.grantRole({ uuid, role: 'leaver', siteId: id, permissions: [] });
      return {
        act: (identity) => identity.deleteSite({ siteId: id }),
        check: async () => assert.deepEqual((await own.rightsOf(await open(session))).sites, []),
      };
    });
  });
});
