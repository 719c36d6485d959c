import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import type { AccountId } from '../../src/core/account.ts';
import type { Identity } from '../../src/core/identity.ts';
import { createKeyring } from '../../src/core/keyring.ts';
import type { Passkey } from '../../src/core/passkey.ts';
import type { LiveSession } from '../../src/core/session.ts';
import type { Caller, World } from '../../src/core/world.ts';
import { type Make, SoftwareAuthenticator } from '../support/software-authenticator.ts';
import {
  type OpenStage,
  OTHER_PASSWORD,
  onEachDatabase,
  openStage,
  PASSWORD,
  race,
  type Stage,
  tally,
} from '../support/stage.ts';
import { type TwoServers, twoServers } from '../support/two-servers.ts';
import { openWorld, SECRET } from '../support/world.ts';
import { asCode, withFactors } from './second-factors.ts';

const ORIGIN = 'http://localhost:3000';
const contract = 'bearer';
const refused = { code: 'passkey_refused' } as const;

interface Person {
  id: AccountId;
  uuid: string;
  email: string;
}

type Owner = Person & { live: LiveSession; authenticator: SoftwareAuthenticator; passkey: Passkey };

/** Two servers on one database, and people with passkeys. */
const openTwo = async (open: OpenStage) => withPasskeys(await twoServers(await open()));

/** The same, where people may sign in with GitHub. */
async function openTwoWithGitHub(t: TestContext, database: 'sqlite' | 'postgres') {
  const env = { GUICHET_GITHUB_CLIENT_ID: 'Iv1.8a61f9b3a7aba766', GUICHET_GITHUB_CLIENT_SECRET: 'f'.repeat(40) };
  const stage = await openStage(t, { database, env });
  const { GUICHET_DATABASE_URL } = stage.settings;
  const second = await openWorld(t, { env: { ...env, GUICHET_DATABASE_URL }, overrides: { clock: stage.clock } });
  const identities = [stage.identity, second.identity];
  return withPasskeys({ ...stage, at: (index) => identities[index % 2] ?? stage.identity, repeats: () => 0 });
}

function withPasskeys(stage: Stage & TwoServers) {
  const liveOf = async ({ email }: Person): Promise<LiveSession> => stage.live(await stage.signIn(email));
  const register = async (live: LiveSession, authenticator: SoftwareAuthenticator): Promise<Passkey> => {
    const caller = stage.caller();
    const options = await stage.identity.startPasskeyRegistration({ live, caller });
    const response = authenticator.register(options, { origin: ORIGIN });
    return stage.identity.finishPasskeyRegistration({ live, response, name: null, caller });
  };
  return {
    ...stage,
    liveOf,
    register,
    /** Signed in after what added the passkey, which is a change of the account. */
    async owner(make?: Make): Promise<Owner> {
      const person = await stage.person();
      const authenticator = new SoftwareAuthenticator(make);
      const passkey = await register(await liveOf(person), authenticator);
      return { ...person, authenticator, passkey, live: await liveOf(person) };
    },
    /** An answer to options of a sign-in, which wait for nobody. */
    async answer({ authenticator }: Pick<Owner, 'authenticator'>, challenge?: string, identity = stage.identity) {
      const options = await identity.startPasskeySignIn({ contract, challenge });
      return authenticator.assert(options, { origin: ORIGIN });
    },
    signInWith: (response: unknown, of: { identity?: Identity; challenge?: string; caller?: Caller } = {}) =>
      (of.identity ?? stage.identity).finishPasskeySignIn({
        contract,
        challenge: of.challenge,
        response,
        caller: of.caller ?? stage.caller(),
      }),
    /** Takes the password away, as where there never was one. */
    forgetPassword: ({ id }: Person) => stage.world.store.transaction(({ passwords }) => passwords.remove(id)),
    linkProvider: ({ email, id }: Person, provider = 'github') =>
      stage.world.store.transaction(({ linkedIdentities }) =>
        linkedIdentities.add({ provider, subject: email, accountId: id, email, createdAt: 1, lastUsedAt: null }),
      ),
    passkeysOf: ({ id }: Person) => stage.world.store.passkeys.list(id),
    sessionsOf: ({ id }: Person) => stage.world.store.sessions.list(id, stage.clock.now()),
  };
}

type Two = ReturnType<typeof withPasskeys>;

const remove = (stage: Two, { live }: Owner, { uuid }: Passkey, identity: Identity) =>
  identity.removePasskey({ live, uuid, caller: stage.caller() });

/** Calls `between` once an answer has been verified, before anything is made of it. */
const interruptedAt = (stage: Stage, between: () => Promise<unknown>): Partial<World> => ({
  passkeys: {
    ...stage.world.passkeys,
    async verifyAssertion(...of) {
      const outcome = await stage.world.passkeys.verifyAssertion(...of);
      await between();
      return outcome;
    },
    async verifyRegistration(...of) {
      const verified = await stage.world.passkeys.verifyRegistration(...of);
      await between();
      return verified;
    },
  },
});

onEachDatabase('the last way in', (open, database) => {
  it('R103: a passkey is removed beside a password, another passkey or a provider, and stays without', async (t) => {
    const stage = await openTwoWithGitHub(t, database);
    const withPassword = await stage.owner();
    await remove(stage, withPassword, withPassword.passkey, stage.identity);
    assert.deepEqual(await stage.passkeysOf(withPassword), []);

    const withProvider = await stage.owner();
    await stage.forgetPassword(withProvider);
    await stage.linkProvider(withProvider);
    await remove(stage, withProvider, withProvider.passkey, stage.identity);
    assert.deepEqual(await stage.passkeysOf(withProvider), []);

    const alone = await stage.owner();
    await stage.forgetPassword(alone);
    await assert.rejects(remove(stage, alone, alone.passkey, stage.identity), { code: 'last_sign_in_method' });
    assert.equal((await stage.passkeysOf(alone)).length, 1);
    assert.equal((await stage.recorded(alone.uuid)).includes('passkey.removed'), false);
    // The refusal has changed nothing, and so ended nothing.
    await stage.register(alone.live, new SoftwareAuthenticator());
    const live = { ...alone, live: await freshLive(stage, alone) };
    await remove(stage, live, alone.passkey, stage.identity);
    assert.equal((await stage.passkeysOf(alone)).length, 1);
  });

  it('R103: a password that is disabled is none', async () => {
    const stage = await openTwo(open);
    const owner = await stage.owner();
    await stage.world.store.transaction(({ passwords }) => passwords.disable(owner.id, stage.clock.now()));
    await assert.rejects(remove(stage, owner, owner.passkey, stage.identity), { code: 'last_sign_in_method' });
  });

  it('R103: a provider that is not configured, or no longer, is none', async () => {
    const stage = await openTwo(open);
    const owner = await stage.owner();
    await stage.forgetPassword(owner);
    await stage.linkProvider(owner);
    await assert.rejects(remove(stage, owner, owner.passkey, stage.identity), { code: 'last_sign_in_method' });
  });

  it('R103: a provider stays without, and goes beside a passkey', async () => {
    const stage = await openTwo(open);
    const person = await stage.person();
    const unlink = (live: LiveSession) =>
      stage.identity.unlinkProvider({ live, provider: 'github', caller: stage.caller() });
    const live = await stage.liveOf(person);
    await stage.linkProvider(person);
    await stage.forgetPassword(person);
    await assert.rejects(unlink(live), { code: 'last_sign_in_method' });
    await stage.register(live, new SoftwareAuthenticator());
    await unlink(await freshLive(stage, { ...person, live }));
    assert.deepEqual(await stage.world.store.linkedIdentities.list(person.id), []);
  });

  it('R103: of two passkeys removed at once on two servers one stays', async () => {
    const stage = await openTwo(open);
    for (let round = 0; round < 5; round += 1) {
      const owner = await stage.owner();
      const second = await stage.register(owner.live, new SoftwareAuthenticator());
      const now = { ...owner, live: await freshLive(stage, owner) };
      await stage.forgetPassword(owner);
      const both = [owner.passkey, second];
      const { lost, won } = await race(2, (index) => remove(stage, now, both[index] ?? assert.fail(), stage.at(index)));
      assert.deepEqual([won.length, lost.length], [1, 1]);
      assert.equal((await stage.passkeysOf(owner)).length, 1);
      assert.equal((await stage.recorded(owner.uuid)).filter((kind) => kind === 'passkey.removed').length, 1);
    }
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });

  it('R103: of a passkey removed and a provider unlinked at once on two servers one stays', async (t) => {
    const stage = await openTwoWithGitHub(t, database);
    for (let round = 0; round < 6; round += 1) {
      const owner = await stage.owner();
      await stage.forgetPassword(owner);
      await stage.linkProvider(owner);
      const { lost, won } = await race(2, (index) =>
        index % 2 === round % 2
          ? remove(stage, owner, owner.passkey, stage.at(index))
          : stage.at(index).unlinkProvider({ live: owner.live, provider: 'github', caller: stage.caller() }),
      );
      assert.deepEqual([won.length, lost.length], [1, 1]);
      const left = await stage.world.store.linkedIdentities.list(owner.id);
      assert.equal((await stage.passkeysOf(owner)).length + left.length, 1);
    }
  });
});

/** The session as its next request finds it, the account changed since. */
async function freshLive(stage: Two, { id, live }: Pick<Owner, 'id' | 'live'>): Promise<LiveSession> {
  const account = await stage.world.store.accounts.find(id);
  assert.ok(account);
  return { ...live, account };
}

onEachDatabase('passkeys, of many who come at once', (open) => {
  it('R106: one answer given fifty times on two servers opens one session', async () => {
    const stage = await openTwo(open);
    for (const counts of [true, false]) {
      const owner = await stage.owner({ counts });
      const before = (await stage.sessionsOf(owner)).length;
      const response = await stage.answer(owner);
      const { lost, won } = await race(50, (index) => stage.signInWith(response, { identity: stage.at(index) }));
      assert.deepEqual([won.length, tally(lost)], [1, { passkey_refused: 49 }]);
      assert.equal((await stage.sessionsOf(owner)).length - before, 1);
      const kinds = await stage.recorded(owner.uuid);
      assert.equal(kinds.filter((kind) => kind === 'passkey.counter_regressed').length, 0, 'one answer is no clone');
    }
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });

  it('R106: one answer given fifty times makes a session fresh once', async () => {
    const stage = await openTwo(open);
    const owner = await stage.owner({ counts: false });
    const options = await stage.identity.startPasskeyReauthentication({ live: owner.live });
    const response = owner.authenticator.assert(options, { origin: ORIGIN });
    const { lost, won } = await race(50, (index) =>
      stage.at(index).finishPasskeyReauthentication({ live: owner.live, response, caller: stage.caller() }),
    );
    assert.deepEqual([won.length, tally(lost)], [1, { passkey_refused: 49 }]);
  });

  it('R106: one answer given fifty times is registered once', async () => {
    const stage = await openTwo(open);
    const person = await stage.person();
    const live = await stage.liveOf(person);
    const options = await stage.identity.startPasskeyRegistration({ live, caller: stage.caller() });
    const response = new SoftwareAuthenticator().register(options, { origin: ORIGIN });
    const { won } = await race(50, (index) =>
      stage.at(index).finishPasskeyRegistration({ live, response, name: null, caller: stage.caller() }),
    );
    assert.equal(won.length, 1);
    assert.equal((await stage.passkeysOf(person)).length, 1);
    assert.equal((await stage.recorded(person.uuid)).filter((kind) => kind === 'passkey.added').length, 1);
  });

  it('R111: ten answers of one authenticator, in whatever order they arrive, never take its counter back', async () => {
    const stage = await openTwo(open);
    const owner = await stage.owner();
    const before = (await stage.sessionsOf(owner)).length;
    const answers: unknown[] = [];
    for (let count = 0; count < 10; count += 1) answers.push(await stage.answer(owner));
    const { lost, won } = await race(10, (index) => stage.signInWith(answers[index], { identity: stage.at(index) }));
    assert.ok(won.length >= 1);
    assert.deepEqual(Object.keys(tally(lost)), lost.length > 0 ? ['passkey_refused'] : []);
    assert.equal((await stage.sessionsOf(owner)).length - before, won.length);
    const [kept] = await stage.passkeysOf(owner);
    const next = owner.authenticator.credentials[0]?.counter ?? 0;
    assert.ok(kept && kept.counter > owner.passkey.counter && kept.counter <= next);
  });

  it('R106: a login that waits is completed once, by one of ten answers to it', async () => {
    const stage = await openTwo(open);
    const { challenge, owner } = await waiting(stage);
    const answers = await Promise.all(Array.from({ length: 10 }, () => stage.answer(owner, challenge)));
    const { lost, won } = await race(10, (index) =>
      stage.signInWith(answers[index], { challenge, identity: stage.at(index) }),
    );
    assert.deepEqual([won.length, tally(lost)], [1, { passkey_refused: 9 }]);
  });

  it('R109: one credential that two accounts register at once is one account’s', async () => {
    const stage = await openTwo(open);
    for (let round = 0; round < 5; round += 1) {
      const people = [await stage.person(), await stage.person()];
      const credentialId = Buffer.from(crypto.getRandomValues(new Uint8Array(16)));
      const asked = await Promise.all(
        people.map(async (person) => {
          const live = await stage.liveOf(person);
          const options = await stage.identity.startPasskeyRegistration({ live, caller: stage.caller() });
          const tamper = (parts: object) => Object.assign(parts, { credentialId });
          return { live, response: new SoftwareAuthenticator().register(options, { origin: ORIGIN, tamper }) };
        }),
      );
      const { lost, won } = await race(2, (index) =>
        stage.at(index).finishPasskeyRegistration({
          ...(asked[index] ?? assert.fail()),
          name: null,
          caller: stage.caller(),
        }),
      );
      assert.deepEqual([won.length, lost], [1, ['passkey_refused']]);
    }
  });

  it('R112: of many who begin at once each is given the same handle', async () => {
    const stage = await openTwo(open);
    const live = await stage.liveOf(await stage.person());
    const { lost, won } = await race(20, (index) =>
      stage.at(index).startPasskeyRegistration({ live, caller: stage.caller() }),
    );
    const handles = won.map((options) => (options as { user: { id: string } }).user.id);
    assert.deepEqual([won.length, lost, new Set(handles).size], [20, [], 1]);
  });
});

/** Somebody with a passkey and an authenticator app, whose first factor was right. */
async function waiting(stage: Two): Promise<{ owner: Owner; challenge: string; totp(): Promise<string> }> {
  const factors = await withFactors(stage);
  const who = await factors.somebody('totp');
  const caller = stage.caller();
  const login = await factors.login(who, { caller });
  const signedIn = await factors.complete(login, asCode(await factors.code(who)), { caller });
  const authenticator = new SoftwareAuthenticator();
  const passkey = await stage.register(await stage.live(signedIn), authenticator);
  const answer = await stage.identity.signInWithPassword({
    contract,
    identifier: who.email,
    password: PASSWORD,
    caller: stage.caller(),
    mustBeProven: 'any',
  });
  assert.equal(answer.outcome, 'second_factor_due');
  const owner = {
    ...who,
    authenticator,
    passkey,
    live: await freshLive(stage, { ...who, live: await stage.live(signedIn) }),
  };
  return {
    owner,
    challenge: answer.outcome === 'second_factor_due' ? answer.challenge : '',
    totp: () => factors.code(who),
  };
}

onEachDatabase('an account that changes while a passkey’s answer is looked at', (open) => {
  const changes = {
    'its password changed': (stage: Two, { live }: Owner) =>
      stage.identity.changePassword({
        live,
        currentPassword: PASSWORD,
        newPassword: OTHER_PASSWORD,
        caller: stage.caller(),
      }),
    'locked by an operator': (stage: Two, { uuid }: Owner) => stage.identity.lockAccount({ uuid }),
    deleted: (stage: Two, { uuid }: Owner) => stage.identity.deleteAccount({ uuid }),
    'the passkey removed': (stage: Two, owner: Owner) => remove(stage, owner, owner.passkey, stage.identity),
  };

  for (const [change, make] of Object.entries(changes)) {
    it(`rule 8: ${change}, it opens no session`, async () => {
      const stage = await openTwo(open);
      const owner = await stage.owner();
      const response = await stage.answer(owner);
      const identity = stage.identityWith(interruptedAt(stage, () => make(stage, owner)));
      const before = (await stage.sessionsOf(owner)).map(({ id }) => id);
      await assert.rejects(stage.signInWith(response, { identity }), refused);
      const after = await stage.sessionsOf(owner);
      assert.deepEqual(
        after.filter(({ id }) => !before.includes(id)),
        [],
      );
    });

    it(`rule 8: ${change}, it completes no login`, async () => {
      const stage = await openTwo(open);
      const { challenge, owner } = await waiting(stage);
      const response = await stage.answer(owner, challenge);
      const identity = stage.identityWith(interruptedAt(stage, () => make(stage, owner)));
      await assert.rejects(stage.signInWith(response, { challenge, identity }), refused);
      await assert.rejects(stage.signInWith(response, { challenge }), refused);
    });

    it(`rule 8: ${change}, it makes nothing fresh and adds nothing`, async () => {
      const stage = await openTwo(open);
      const owner = await stage.owner();
      const { live } = owner;
      const caller = stage.caller();
      const assertion = owner.authenticator.assert(await stage.identity.startPasskeyReauthentication({ live }), {
        origin: ORIGIN,
      });
      const creation = new SoftwareAuthenticator().register(
        await stage.identity.startPasskeyRegistration({ live, caller }),
        { origin: ORIGIN },
      );
      let changed: Promise<unknown> | undefined;
      const identity = stage.identityWith(interruptedAt(stage, () => (changed ??= make(stage, owner))));
      const calls = [
        identity.finishPasskeyReauthentication({ live, response: assertion, caller }),
        identity.finishPasskeyRegistration({ live, response: creation, name: null, caller }),
      ];
      const answers = await Promise.allSettled(calls);
      for (const answer of answers) {
        assert.ok(answer.status === 'rejected', 'it was made for the account as it was');
        assert.ok(['session_ended', 'passkey_refused'].includes(answer.reason.code), answer.reason);
      }
      assert.equal((await stage.recorded(owner.uuid)).filter((kind) => kind === 'passkey.added').length, 1);
    });
  }
});

onEachDatabase('an answer that was used', (open) => {
  it('R106: stays used when the server’s secret is rotated', async () => {
    const stage = await openTwo(open);
    const owner = await stage.owner({ counts: false });
    const response = await stage.answer(owner);
    await stage.signInWith(response);
    const rotated = createKeyring(['kR7wQ2zVt5NxLc8pJm1BfYh4sDg6uE9i', SECRET]);
    const identity = stage.identityWith({ keyring: rotated });
    // What was not used yet is still good.
    await stage.signInWith(await stage.answer(owner), { identity });
    await assert.rejects(stage.signInWith(response, { identity }), refused);
  });

  it('R106: stays used when expired rows are cleaned away', async () => {
    const stage = await openTwo(open);
    const owner = await stage.owner({ counts: false });
    const response = await stage.answer(owner);
    await stage.signInWith(response);
    for (const seconds of [299, 1, 1]) {
      stage.clock.advance({ seconds });
      await assert.rejects(stage.signInWith(response), refused);
    }
  });

  it('is unused while it was only refused: with the fault mended it signs in', async () => {
    const stage = await openTwo(open);
    const owner = await stage.owner();
    const response = await stage.answer(owner);
    const cut = { ...response, response: { ...response.response, signature: 'AAAA' } };
    await assert.rejects(stage.signInWith(cut), refused);
    assert.equal((await stage.signInWith(response)).account.id, owner.id);
  });
});

onEachDatabase('a passkey', (open) => {
  it('R111: that counts back is refused on both servers, recorded and mailed', async () => {
    const stage = await openTwo(open);
    const owner = await stage.owner();
    for (let count = 0; count < 3; count += 1) await stage.signInWith(await stage.answer(owner));
    for (const server of [0, 1]) {
      const options = await stage.at(server).startPasskeySignIn({ contract });
      const response = owner.authenticator.assert(options, {
        origin: ORIGIN,
        tamper: (parts) => Object.assign(parts, { counter: 2 }),
      });
      await assert.rejects(stage.signInWith(response, { identity: stage.at(server) }), refused);
    }
    assert.ok((await stage.recorded(owner.uuid)).includes('passkey.counter_regressed'));
    const mails = await stage.mails(owner.email);
    assert.equal(mails.filter(({ subject }) => subject === 'A passkey was refused').length, 1, 'one an hour');
  });

  it('rule 7: that was planted goes when the address’s owner arrives', async () => {
    const stage = await openTwo(open);
    const { passkeys } = stage.world.store;
    // No surface lets an unproven account add one; whatever might, the takeover ends it.
    const [planter, owner] = [await stage.person({ verified: false }), await stage.owner()];
    await stage.world.store.transaction(async (store) => {
      await store.passkeys.removeAll(owner.id);
      await store.passkeys.add({ ...owner.passkey, accountId: planter.id });
    });
    assert.equal((await passkeys.list(planter.id)).length, 1);
    const caller = stage.caller();
    await stage.identity.startPasswordReset({ contract, email: planter.email, caller });
    const links = (await stage.mails(planter.email)).flatMap((mail) => mail.links).map((link) => new URL(link));
    const token = links.find(({ pathname }) => pathname === '/reset-password')?.searchParams.get('token') ?? '';
    await stage.identity.finishPasswordReset({ token, password: 'amber harpoons drift', contract, caller });
    assert.deepEqual(await passkeys.list(planter.id), []);
    await assert.rejects(stage.signInWith(await stage.answer(owner)), refused);
  });
});
