import assert from 'node:assert/strict';
import { it } from 'node:test';
import { OTHER_PASSWORD, onEachDatabase, openStage, PASSWORD, race, type Stage } from '../support/stage.ts';
import { twoServers } from '../support/two-servers.ts';
import { assertUprooted, PLANTED_PASSWORD, type Planted, plant } from './planted-account.ts';

/** The token of the newest link to a page that was mailed to an address. */
async function linkTo(stage: Stage, email: string, page: string): Promise<string> {
  const links = (await stage.mails(email)).flatMap((mail) => mail.links).map((link) => new URL(link));
  const token = links.find(({ pathname }) => pathname === page)?.searchParams.get('token');
  assert.ok(token, `no link to ${page} went to ${email}`);
  return token;
}

async function magicLink(stage: Stage, email: string): Promise<string> {
  await stage.identity.sendMagicLink({ contract: 'bearer', email, caller: stage.caller() });
  return linkTo(stage, email, '/magic-link');
}

async function resetLink(stage: Stage, email: string): Promise<string> {
  await stage.identity.startPasswordReset({ contract: 'bearer', email, caller: stage.caller() });
  return linkTo(stage, email, '/reset-password');
}

const handOver = (stage: Stage, purpose: 'magic_link' | 'exchange', token: string, identity = stage.identity) =>
  identity.signInHandedOver({ contract: 'bearer', purpose, token, caller: stage.caller() });

const planting = (stage: Stage): Promise<Planted> =>
  plant(stage, { email: stage.address('owner'), caller: stage.caller });
const uprooted = (stage: Stage, planted: Planted, rows: Parameters<typeof assertUprooted>[2]['rows']) =>
  assertUprooted(stage, planted, { caller: stage.caller, rows });

onEachDatabase('the arrival of an address’s owner at an account that somebody planted', (open) => {
  it('by a magic link whose token the application posts leaves nothing of it', async () => {
    const stage = await open();
    const planted = await planting(stage);
    const answer = await handOver(stage, 'magic_link', await magicLink(stage, planted.email));
    assert.equal(answer.outcome, 'signed_in', 'a planted second factor is not asked for');
    const { uuid } = planted.account;
    assert.deepEqual((await stage.recorded(uuid)).slice(-2), ['account.taken_over', 'sign_in.succeeded']);
    const account = await uprooted(stage, planted, { session: 1, known_client: 2 });
    assert.equal(answer.outcome === 'signed_in' && answer.session.accountId, account.id);
  });

  it('by a magic link and its page leaves nothing of it, before the application fetches the session', async () => {
    const stage = await open();
    const planted = await planting(stage);
    const token = await magicLink(stage, planted.email);
    assert.equal((await stage.identity.lookAtMagicLink({ token })).email, planted.email);
    assert.equal((await stage.world.store.accounts.find(planted.account.id))?.name, 'Mallory');
    const { code } = await stage.identity.openMagicLink({ token, caller: stage.caller() });
    await uprooted(stage, planted, { one_time_token: 1 });
    const answer = await handOver(stage, 'exchange', code);
    assert.equal(answer.outcome, 'signed_in');
  });

  it('by a reset leaves nothing of it', async () => {
    const stage = await open();
    const planted = await planting(stage);
    const token = await resetLink(stage, planted.email);
    const reset = { contract: 'bearer', token, password: OTHER_PASSWORD, caller: stage.caller() } as const;
    await stage.identity.finishPasswordReset(reset);
    await uprooted(stage, planted, { password: 1 });
    assert.equal((await stage.signIn(planted.email, { password: OTHER_PASSWORD })).account.name, null);
  });

  it('kills the links that were mailed before, of every purpose', async () => {
    const stage = await open();
    const planted = await planting(stage);
    const [link, reset] = [await magicLink(stage, planted.email), await resetLink(stage, planted.email)];
    stage.clock.advance({ seconds: 1 });
    await handOver(stage, 'magic_link', await magicLink(stage, planted.email));
    await assert.rejects(handOver(stage, 'magic_link', link), { code: 'token_invalid' });
    await assert.rejects(
      stage.identity.finishPasswordReset({
        contract: 'bearer',
        token: reset,
        password: OTHER_PASSWORD,
        caller: stage.caller(),
      }),
      { code: 'token_invalid' },
    );
  });

  it('is the arrival of one owner: the second link signs in to what the first made', async () => {
    const stage = await open();
    const planted = await planting(stage);
    await handOver(stage, 'magic_link', await magicLink(stage, planted.email));
    const { epoch } = await stage.identity.findAccount({ name: planted.email });
    await handOver(stage, 'magic_link', await magicLink(stage, planted.email));
    const after = await stage.identity.findAccount({ name: planted.email });
    assert.equal(after.epoch, epoch);
    assert.equal((await stage.recorded(after.uuid)).filter((kind) => kind === 'account.taken_over').length, 1);
  });
});

onEachDatabase('the proof of an address by the mailed token', (open) => {
  it('takes nothing from whoever signed up: sessions, password, name and picture stay', async () => {
    const stage = await open();
    const planted = await planting(stage);
    await stage.identity.verifyEmail({ token: planted.verification, contract: 'bearer', caller: stage.caller() });
    const account = await stage.identity.findAccount({ name: planted.email });
    assert.equal(account.name, 'Mallory');
    assert.ok(account.image !== null && account.emailVerifiedAt !== null);
    assert.equal(account.epoch, planted.account.epoch);
    const session = { contract: 'bearer', sessionToken: planted.bearer, changes: true } as const;
    assert.equal((await stage.identity.checkSessionToken(session)).account.id, account.id);
    await stage.refresh(planted.cookie.refreshToken);
  });
});

onEachDatabase('an account that has proven an identifier', (open) => {
  it('is never taken over: a magic link leaves password, sessions and name', async () => {
    const stage = await open();
    const { email, epoch, uuid } = await stage.person({ firstName: 'Ada' });
    const before = await stage.signIn(email);
    for (const page of [false, true]) {
      const token = await magicLink(stage, email);
      const answer = page
        ? await handOver(
            stage,
            'exchange',
            (await stage.identity.openMagicLink({ token, caller: stage.caller() })).code,
          )
        : await handOver(stage, 'magic_link', token);
      assert.equal(answer.outcome === 'signed_in' && answer.account.name, 'Ada');
      stage.clock.advance({ seconds: 1 });
    }
    await stage.live(before);
    await stage.signIn(email);
    assert.equal((await stage.identity.findAccount({ name: email })).epoch, epoch);
    assert.ok(!(await stage.recorded(uuid)).includes('account.taken_over'));
  });

  it('is never taken over by its other, unproven address, which is mailed nothing', async () => {
    const stage = await open();
    const { email, id } = await stage.person({ verified: false });
    const phone = `+3368600${String(id).padStart(4, '0')}`;
    await stage.world.store.transaction(({ identifiers }) =>
      identifiers.replace({ accountId: id, kind: 'phone', value: phone, verifiedAt: stage.clock.now() }),
    );
    await stage.mails();
    await stage.mailbox?.empty();
    await stage.identity.sendMagicLink({ contract: 'bearer', email, caller: stage.caller() });
    await stage.identity.startPasswordReset({ contract: 'bearer', email, caller: stage.caller() });
    assert.deepEqual(await stage.mails(email), []);
  });

  it('is not taken over by a link that was mailed before its number was proven', async () => {
    const stage = await open();
    const { email, id } = await stage.person({ verified: false });
    const link = await magicLink(stage, email);
    const reset = await resetLink(stage, email);
    const phone = `+3368700${String(id).padStart(4, '0')}`;
    await stage.world.store.transaction(({ identifiers }) =>
      identifiers.replace({ accountId: id, kind: 'phone', value: phone, verifiedAt: stage.clock.now() }),
    );
    const caller = stage.caller();
    await handOver(stage, 'magic_link', link).catch(() => {});
    await stage.identity
      .finishPasswordReset({ contract: 'bearer', token: reset, password: OTHER_PASSWORD, caller })
      .catch(() => {});
    const account = await stage.world.store.accounts.find(id);
    assert.equal(account?.phone, phone);
    assert.ok(!(await stage.recorded(account?.uuid ?? '')).includes('account.taken_over'));
  });
});

onEachDatabase('the owner’s arrival, while whoever planted the account uses it', (open) => {
  const ARRIVALS: Record<string, (stage: Stage, email: string) => Promise<(stage: Stage) => Promise<number>>> = {
    'a magic link': async (stage, email) => {
      const token = await magicLink(stage, email);
      return async () => {
        assert.equal((await handOver(stage, 'magic_link', token)).outcome, 'signed_in');
        return 1;
      };
    },
    'a magic link’s page': async (stage, email) => {
      const token = await magicLink(stage, email);
      return async () => {
        await stage.identity.openMagicLink({ token, caller: stage.caller() });
        return 0;
      };
    },
    'a reset': async (stage, email) => {
      const token = await resetLink(stage, email);
      return async () => {
        const reset = { contract: 'bearer', token, password: OTHER_PASSWORD, caller: stage.caller() } as const;
        await stage.identity.finishPasswordReset(reset);
        return 0;
      };
    },
  };

  for (const [what, prepare] of Object.entries(ARRIVALS)) {
    it(`by ${what} leaves them no session and no name`, async () => {
      const stage = await twoServers(await open());
      const email = stage.address('owner');
      const caller = stage.caller();
      const made = await stage.identity.signUp({
        contract: 'bearer',
        email,
        name: 'Mallory',
        password: PASSWORD,
        caller,
      });
      assert.ok(made.outcome === 'signed_in');
      const { id } = made.account;
      const cookie = await stage.trySignIn(email, { password: PLANTED_PASSWORD }).catch(() => undefined);
      assert.equal(cookie, undefined, 'the cookie contract waits for the proof');
      const arrive = await prepare(stage, email);
      const session = {
        contract: 'bearer',
        sessionToken: made.sessionToken,
        changes: true,
        unprovenToo: true,
      } as const;
      let owners = -1;
      const attack = async (index: number): Promise<unknown> => {
        const identity = stage.at(index);
        const from = stage.caller();
        if (index % 3 === 0) {
          const live = await identity.checkSessionToken(session);
          return identity.changeProfile({ live, name: `Mallory ${index}`, caller: from });
        }
        const password = { identifier: email, password: PASSWORD, mustBeProven: 'as_set', caller: from } as const;
        return identity.signInWithPassword({ contract: 'bearer', ...password });
      };
      const { lost } = await race(25, async (index) => {
        if (index !== 12) return attack(index);
        owners = await arrive(stage);
        return undefined;
      });
      assert.ok(owners >= 0, String(lost));
      assert.ok(
        lost.every((code) => ['account_locked', 'invalid_credentials', 'session_ended'].includes(code)),
        String(lost),
      );
      const account = await stage.world.store.accounts.find(id);
      assert.deepEqual([account?.name, account?.emailVerifiedAt !== null], [null, true]);
      const sessions = await stage.handle.read
        .selectFrom('session')
        .select('id')
        .where('account_id', '=', id)
        .execute();
      assert.equal(sessions.length, owners);
      await assert.rejects(stage.identity.checkSessionToken(session), { code: 'session_ended' });
      const stored = await stage.world.store.passwords.find(id);
      assert.ok(!stored || !(await stage.world.hasher.verify(stored, PLANTED_PASSWORD)));
    });
  }
});

it('asks for no planted factor where addresses must be proven first, and proves the address', async (t) => {
  const stage = await openStage(t, { env: { GUICHET_REQUIRE_VERIFIED_EMAIL: 'true' } });
  const email = stage.address();
  const made = await stage.identity.signUp({
    contract: 'bearer',
    email,
    name: 'Mallory',
    password: PASSWORD,
    caller: stage.caller(),
  });
  assert.equal(made.outcome, 'identifier_unproven');
  const answer = await handOver(stage, 'magic_link', await magicLink(stage, email));
  assert.ok(answer.outcome === 'signed_in' && answer.account.emailVerifiedAt !== null);
  assert.equal(answer.account.name, null);
});
