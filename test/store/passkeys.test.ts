import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { it } from 'node:test';
import type { AccountId } from '../../src/core/account.ts';
import type { Passkey } from '../../src/core/passkey.ts';
import { minutes } from '../../src/core/time.ts';
import { cleanExpired } from '../../src/store/clean.ts';
import { onEachDatabase, race, type Stage } from '../support/stage.ts';

const text = (length: number): string => randomBytes(length).toString('base64url');

const passkeyOf = (accountId: AccountId, of: Partial<Passkey> = {}): Passkey => ({
  uuid: randomUUID(),
  accountId,
  credentialId: text(16),
  publicKey: text(77),
  counter: 0,
  transports: ['hybrid', 'internal'],
  backupEligible: true,
  backedUp: true,
  aaguid: '00000000-0000-0000-0000-000000000000',
  name: 'Blue key',
  createdAt: 1_000,
  lastUsedAt: null,
  ...of,
});

async function somebody(stage: Stage): Promise<AccountId> {
  return (await stage.person()).id;
}

async function kept(stage: Stage, of: Partial<Passkey> & { accountId: AccountId }): Promise<Passkey> {
  const passkey = passkeyOf(of.accountId, of);
  assert.equal(await stage.world.store.transaction(({ passkeys }) => passkeys.add(passkey)), true);
  return passkey;
}

onEachDatabase('passkeys', (open) => {
  it('come back as they were kept', async () => {
    const stage = await open();
    const { passkeys } = stage.world.store;
    const accountId = await somebody(stage);
    // The highest that 32 bits count to, and the longest id.
    const whole = await kept(stage, { accountId, counter: 2 ** 32 - 1, credentialId: text(1023), lastUsedAt: 2_000 });
    const bare = await kept(stage, {
      accountId,
      name: null,
      transports: [],
      backupEligible: false,
      backedUp: false,
      createdAt: 1_001,
    });
    assert.deepEqual(await passkeys.find(whole.credentialId), whole);
    assert.deepEqual(await passkeys.find(bare.credentialId), bare);
    assert.deepEqual(await passkeys.list(accountId), [whole, bare]);
    assert.equal(await passkeys.find(text(16)), undefined);
    assert.equal(await passkeys.find(whole.credentialId.slice(0, -1)), undefined);
  });

  it('are listed for their own account, oldest first', async () => {
    const stage = await open();
    const [accountId, other] = [await somebody(stage), await somebody(stage)];
    const young = await kept(stage, { accountId, createdAt: 3_000 });
    const old = await kept(stage, { accountId, createdAt: 1_000 });
    await kept(stage, { accountId: other });
    assert.deepEqual(await stage.world.store.passkeys.list(accountId), [old, young]);
    assert.deepEqual(await stage.world.store.passkeys.list(await somebody(stage)), []);
  });

  it('R109: have a credential id that no other has, of whatever account, in either case of its letters', async () => {
    const stage = await open();
    const { store } = stage.world;
    const [accountId, other] = [await somebody(stage), await somebody(stage)];
    const first = await kept(stage, { accountId, credentialId: `aB${text(14)}` });
    for (const again of [accountId, other]) {
      const copy = passkeyOf(again, { credentialId: first.credentialId });
      assert.equal(await store.transaction(({ passkeys }) => passkeys.add(copy)), false);
    }
    assert.deepEqual(await store.passkeys.find(first.credentialId), first);
    assert.deepEqual(await store.passkeys.list(other), []);
    // base64url tells capitals apart: another id, and nobody's yet.
    const likeness = first.credentialId.replace('aB', 'Ab');
    assert.equal(await store.passkeys.find(likeness), undefined);
    await kept(stage, { accountId: other, credentialId: likeness });
  });

  it('R109: of fifty who bring one credential at once one has it', async () => {
    const stage = await open();
    const accounts = [await somebody(stage), await somebody(stage)];
    const credentialId = text(16);
    const { won, lost } = await race(50, (index) =>
      stage.world.store.transaction(({ passkeys }) =>
        passkeys.add(passkeyOf(accounts[index % 2] ?? assert.fail(), { credentialId })),
      ),
    );
    assert.deepEqual([won.filter((added) => added).length, won.length, lost], [1, 50, []]);
    const lists = await Promise.all(accounts.map((id) => stage.world.store.passkeys.list(id)));
    assert.equal(lists.flat().length, 1);
  });

  it('R111: note a use whose counter nobody moved on meanwhile', async () => {
    const stage = await open();
    const { store } = stage.world;
    const accountId = await somebody(stage);
    const passkey = await kept(stage, { accountId, counter: 4 });
    const use = (read: Passkey, counter: number) =>
      store.transaction(({ passkeys }) => passkeys.use(read, { counter, backedUp: false, lastUsedAt: 5_000 }));
    assert.equal(await use(passkey, 5), true);
    const used = { ...passkey, counter: 5, backedUp: false, lastUsedAt: 5_000 };
    assert.deepEqual(await store.passkeys.find(passkey.credentialId), used);
    assert.equal(await use(passkey, 9), false);
    assert.deepEqual(await store.passkeys.find(passkey.credentialId), used);
    await store.transaction(({ passkeys }) => passkeys.remove(accountId, passkey.uuid));
    assert.equal(await use(used, 6), false);
  });

  it('R111: of fifty uses that read one counter one is noted', async () => {
    const stage = await open();
    const passkey = await kept(stage, { accountId: await somebody(stage), counter: 4 });
    const { won, lost } = await race(50, (index) =>
      stage.world.store.transaction(({ passkeys }) =>
        passkeys.use(passkey, { counter: 5 + index, backedUp: true, lastUsedAt: 5_000 }),
      ),
    );
    assert.deepEqual([won.filter((noted) => noted).length, lost], [1, []]);
  });

  it('R113: are renamed and removed for their own account alone', async () => {
    const stage = await open();
    const { store } = stage.world;
    const [accountId, other] = [await somebody(stage), await somebody(stage)];
    const passkey = await kept(stage, { accountId });
    const beside = await kept(stage, { accountId, createdAt: 2_000 });
    const rename = (of: AccountId, name: string | null) =>
      store.transaction(({ passkeys }) => passkeys.rename(of, passkey.uuid, name));
    const remove = (of: AccountId) => store.transaction(({ passkeys }) => passkeys.remove(of, passkey.uuid));
    assert.deepEqual([await rename(other, 'Mine'), await remove(other)], [undefined, undefined]);
    assert.deepEqual(await store.passkeys.list(accountId), [passkey, beside]);
    assert.deepEqual(await rename(accountId, null), { ...passkey, name: null });
    assert.deepEqual(await remove(accountId), { ...passkey, name: null });
    assert.deepEqual([await rename(accountId, 'Mine'), await remove(accountId)], [undefined, undefined]);
    assert.deepEqual(await store.passkeys.list(accountId), [beside]);
  });

  it('go all at once, or with their account, and nobody else’s with them', async () => {
    const stage = await open();
    const { store } = stage.world;
    const [accountId, deleted, other] = [await somebody(stage), await somebody(stage), await somebody(stage)];
    for (const id of [accountId, accountId, deleted, other]) await kept(stage, { accountId: id });
    await store.transaction(({ passkeys }) => passkeys.removeAll(accountId));
    await store.transaction(({ accounts }) => accounts.delete(deleted));
    const left = await Promise.all([accountId, deleted, other].map((id) => store.passkeys.list(id)));
    assert.deepEqual(
      left.map(({ length }) => length),
      [0, 0, 1],
    );
  });

  it('are undone with the transaction that failed', async () => {
    const stage = await open();
    const { store } = stage.world;
    const accountId = await somebody(stage);
    const passkey = await kept(stage, { accountId });
    const failing = store.transaction(async ({ passkeys }) => {
      await passkeys.add(passkeyOf(accountId));
      await passkeys.remove(accountId, passkey.uuid);
      throw new Error('on second thoughts');
    });
    await assert.rejects(failing, /second thoughts/);
    assert.deepEqual(await store.passkeys.list(accountId), [passkey]);
  });
});

onEachDatabase('the handle that authenticators know an account by', (open) => {
  it('R112: is kept from the first time on', async () => {
    const stage = await open();
    const { store } = stage.world;
    const [accountId, other] = [await somebody(stage), await somebody(stage)];
    const handle = (id: AccountId, fresh: string) => store.transaction(({ passkeys }) => passkeys.handle(id, fresh));
    assert.equal(await store.passkeys.findHandle(accountId), null);
    const [first, second] = [text(64), text(64)];
    assert.equal(await handle(accountId, first), first);
    assert.equal(await handle(accountId, second), first);
    assert.equal(await handle(other, second), second);
    assert.equal(await store.passkeys.findHandle(accountId), first);
    // Other authenticators may hold more of them, and the next is to replace none.
    await kept(stage, { accountId });
    await store.transaction(({ passkeys }) => passkeys.removeAll(accountId));
    assert.equal(await store.passkeys.findHandle(accountId), first);
  });
});

onEachDatabase('a challenge that was used', (open) => {
  it('R106: was used once, by one of fifty who come at once', async () => {
    const stage = await open();
    const [digest, other] = [text(32), text(32)];
    const spend = (which: string) =>
      stage.world.store.transaction(({ spentChallenges }) => spentChallenges.spend(which, stage.clock.now() + 1));
    const { won, lost } = await race(50, () => spend(digest));
    assert.deepEqual([won.filter((spent) => spent).length, won.length, lost], [1, 50, []]);
    assert.deepEqual([await spend(digest), await spend(other)], [false, true]);
  });

  it('R106: is unused again after a transaction that failed', async () => {
    const { world, clock } = await open();
    const digest = text(32);
    const expiresAt = clock.now() + minutes(5);
    const failing = world.store.transaction(async ({ spentChallenges }) => {
      assert.equal(await spentChallenges.spend(digest, expiresAt), true);
      throw new Error('on second thoughts');
    });
    await assert.rejects(failing, /second thoughts/);
    assert.equal(await world.store.transaction((store) => store.spentChallenges.spend(digest, expiresAt)), true);
  });

  it('R106: is remembered for as long as it could be used again, and no longer', async () => {
    const stage = await open();
    const digest = text(32);
    const expiresAt = stage.clock.now() + minutes(5);
    const spend = () => stage.world.store.transaction((store) => store.spentChallenges.spend(digest, expiresAt));
    assert.equal(await spend(), true);
    await cleanExpired(stage.handle, expiresAt - 1);
    assert.equal(await spend(), false);
    await cleanExpired(stage.handle, expiresAt);
    const rows = stage.handle.read.selectFrom('spent_challenge').selectAll().where('digest', '=', digest).execute();
    assert.deepEqual(await rows, []);
  });
});
