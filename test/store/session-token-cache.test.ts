import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { createIdentity, type Identity } from '../../src/core/identity.ts';
import { createKeyring } from '../../src/core/keyring.ts';
import type { SignedIn } from '../../src/core/session-start.ts';
import { storeOn } from '../../src/store/store.ts';
import { hasPostgres } from '../support/databases.ts';
import { openStage, PASSWORD, type Stage } from '../support/stage.ts';
import { openWorld, SECRET } from '../support/world.ts';

const NEXT_SECRET = 'k7Qe2WnZs9TfVb4YxHj6LmRp1DcGu8AiEo3S';

/** The clock that copies age by, turned by hand. */
function turnable(t: TestContext): (milliseconds: number) => void {
  const real = performance.now.bind(performance);
  let ahead = 0;
  t.mock.method(performance, 'now', () => real() + ahead);
  return (milliseconds) => {
    ahead += milliseconds;
  };
}

async function signIn(stage: Stage, identity: Identity = stage.identity): Promise<SignedIn<'bearer'>> {
  const { email } = await stage.person();
  const answer = await identity.signInWithPassword({
    contract: 'bearer',
    identifier: email,
    password: PASSWORD,
    caller: stage.caller(),
    mustBeProven: 'email',
  });
  assert.equal(answer.outcome, 'signed_in');
  return answer as SignedIn<'bearer'>;
}

const look = (identity: Identity, { sessionToken }: { sessionToken: string }, changes = false) =>
  identity.checkSessionToken({ contract: 'bearer', sessionToken, changes });
const over = { code: 'session_ended' };

/** How often the database is asked for a session by its token. */
function countReads(stage: Stage) {
  const counted = { reads: 0 };
  const handle = {
    ...stage.handle,
    prepare<Row>(name: string, query: Parameters<typeof stage.handle.prepare<Row>>[1]) {
      const run = stage.handle.prepare<Row>(name, query);
      return async (parameters: readonly unknown[]) => {
        if (name === 'find_session_by_token_digest') counted.reads += 1;
        return run(parameters);
      };
    },
  };
  const store = storeOn(handle, stage.world.keyring, stage.world.random);
  return { counted, store, identity: createIdentity({ ...stage.world, store }) };
}

const endings: Record<string, (stage: Stage, session: SignedIn<'bearer'>, identity: Identity) => Promise<unknown>> = {
  'signed out of': (stage, { sessionToken }, identity) =>
    identity.signOut({ contract: 'bearer', credentials: { sessionToken }, caller: stage.caller() }),
  'ended from another': async (stage, { account, session }, identity) => {
    const other = await identity.signInWithPassword({
      contract: 'bearer',
      identifier: account.email ?? '',
      password: PASSWORD,
      caller: stage.caller(),
      mustBeProven: 'email',
    });
    const live = await look(identity, other as SignedIn<'bearer'>, true);
    await identity.endSession({ live, id: session.id, caller: stage.caller() });
  },
  'of an account that an operator locks': (_, { account }, identity) => identity.lockAccount({ uuid: account.uuid }),
  'of an account that is deleted': (_, { account }, identity) => identity.deleteAccount({ uuid: account.uuid }),
};

for (const database of ['sqlite', 'postgres'] as const) {
  const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;
  describe(`sessions by their token, looked up all the time, on ${database}`, { skip }, () => {
    it('are read once a second', async (t) => {
      const turn = turnable(t);
      const stage = await openStage(t, { database });
      const { counted, identity } = countReads(stage);
      const session = await signIn(stage);
      for (let time = 0; time < 5; time += 1) await look(identity, session);
      assert.equal(counted.reads, 1);
      turn(1000);
      await look(identity, session);
      assert.equal(counted.reads, 2);
      // Whatever changes something reads it itself.
      await look(identity, session, true);
      assert.equal(counted.reads, 3);
    });

    for (const [how, end] of Object.entries(endings)) {
      it(`R072: one that is ${how} opens nothing at once in this process, and within a second in another`, async (t) => {
        const turn = turnable(t);
        const stage = await openStage(t, { database });
        const url = stage.settings.GUICHET_DATABASE_URL;
        const elsewhere = await openWorld(t, { env: { GUICHET_DATABASE_URL: url }, overrides: { clock: stage.clock } });
        const session = await signIn(stage);
        await look(stage.identity, session);
        await look(elsewhere.identity, session);
        await end(stage, session, stage.identity);
        await assert.rejects(look(stage.identity, session), over);
        await assert.rejects(look(elsewhere.identity, session, true), over);
        turn(1000);
        await assert.rejects(look(elsewhere.identity, session), over);
        await assert.rejects(look(elsewhere.identity, session), over);
      });
    }

    it('show a use that was noted, at once', async (t) => {
      const stage = await openStage(t, { database });
      const session = await signIn(stage);
      await look(stage.identity, session);
      stage.clock.advance({ hours: 2 });
      const noted = await look(stage.identity, session);
      const { store } = stage.world;
      const digests = stage.world.keyring.digests('session-token', session.sessionToken);
      const peeked = await store.sessions.peekByToken(digests);
      const read = await store.sessions.findByToken(digests);
      assert.equal(read?.session.lastUsedAt, stage.clock.now());
      assert.deepEqual(peeked?.session, read?.session);
      assert.deepEqual(noted.session, read?.session);
      assert.ok((read?.session.expiresAt ?? 0) > session.session.expiresAt);
    });

    it('show a new name at once', async (t) => {
      const stage = await openStage(t, { database });
      const session = await signIn(stage);
      const live = await look(stage.identity, session);
      await stage.identity.changeProfile({ live, name: 'Ada King', caller: stage.caller() });
      assert.equal((await look(stage.identity, session)).account.name, 'Ada King');
    });

    it('are found, kept and ended under a secret that has become the older one', async (t) => {
      const stage = await openStage(t, { database });
      const session = await signIn(stage);
      const random = { bytes: (length: number) => randomBytes(length), uuid: () => randomUUID() };
      const rotated = createKeyring([NEXT_SECRET, SECRET]);
      const store = storeOn(stage.handle, rotated, random);
      const identity = createIdentity({ ...stage.world, keyring: rotated, store });
      for (const changes of [false, false, true])
        assert.equal((await look(identity, session, changes)).session.id, session.session.id);
      const newer = await signIn(stage, identity);
      assert.equal((await look(identity, newer)).session.id, newer.session.id);
      assert.equal((await look(identity, session)).session.id, session.session.id);
      await identity.signOut({
        contract: 'bearer',
        credentials: { sessionToken: session.sessionToken },
        caller: stage.caller(),
      });
      await assert.rejects(look(identity, session), over);
      await look(identity, newer);
      // Once the older secret is gone, so is what it digested.
      const forgotten = createKeyring([NEXT_SECRET]);
      const later = createIdentity({
        ...stage.world,
        keyring: forgotten,
        store: storeOn(stage.handle, forgotten, random),
      });
      const older = await signIn(stage);
      await assert.rejects(look(later, older), over);
      await look(later, newer);
    });

    it('are never answered by somebody else’s copy, and an unknown token is asked for anew', async (t) => {
      const stage = await openStage(t, { database });
      const { counted, identity } = countReads(stage);
      const [ada, eve] = [await signIn(stage), await signIn(stage)];
      for (let time = 0; time < 3; time += 1) {
        assert.equal((await look(identity, ada)).account.id, ada.account.id);
        assert.equal((await look(identity, eve)).account.id, eve.account.id);
      }
      const before = counted.reads;
      const unknown = { sessionToken: randomBytes(32).toString('base64url') };
      for (let time = 0; time < 2; time += 1) await assert.rejects(look(identity, unknown), over);
      assert.ok(counted.reads >= before + 2);
    });
  });
}
