import assert from 'node:assert/strict';
import { it } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  makeOneTimeToken,
  type OneTimePurpose,
  peekOneTimeToken,
  takeOneTimeToken,
} from '../../src/core/one-time-token.ts';
import { onEachDatabase, type Stage } from '../support/stage.ts';

const lifetimes: Record<OneTimePurpose, number> = {
  email_verification: 24 * 3600,
  password_reset: 3600,
  password_set_up: 24 * 3600,
  unlock: 24 * 3600,
  email_change: 3600,
  magic_link: 600,
  exchange: 60,
  provider_link: 600,
  provider_identity: 60,
};
const purposes = Object.keys(lifetimes) as OneTimePurpose[];

type Person = Awaited<ReturnType<Stage['person']>>;

const make = (stage: Stage, account: Person, purpose: OneTimePurpose): Promise<string> =>
  stage.world.store.transaction(async (store) => {
    const { token } = await makeOneTimeToken(
      { ...stage.world, store },
      // What it leads on to is nobody's concern here.
      { purpose, account, identifier: account.email, facts: null } as Parameters<typeof makeOneTimeToken>[1],
    );
    return token;
  });
const take = (stage: Stage, purpose: OneTimePurpose, token: string) =>
  stage.world.store.transaction((store) => takeOneTimeToken({ ...stage.world, store }, purpose, token));
const peek = (stage: Stage, purpose: OneTimePurpose, token: string) => peekOneTimeToken(stage.world, purpose, token);

onEachDatabase('a one-time token', (open) => {
  it('is 256 bits that tell nothing and resemble nothing', async () => {
    const stage = await open();
    const person = await stage.person();
    const tokens: string[] = [];
    for (let time = 0; time < 100; time += 1) tokens.push(await make(stage, person, 'unlock'));
    assert.ok(tokens.every((token) => /^[\w-]{43}$/.test(token)));
    assert.equal(new Set(tokens.map((token) => token.slice(0, 8))).size, tokens.length);
    const bytes = Buffer.concat(tokens.map((token) => Buffer.from(token, 'base64url')));
    assert.ok(gzipSync(bytes).length >= bytes.length);
  });

  it('is taken once, and tells whose it is', async () => {
    const stage = await open();
    const person = await stage.person();
    const token = await make(stage, person, 'password_reset');
    const taken = await take(stage, 'password_reset', token);
    assert.equal(taken.account.id, person.id);
    assert.equal(taken.token.identifier, person.email);
    await assert.rejects(take(stage, 'password_reset', token), { code: 'token_invalid' });
  });

  it('stays when it is only looked at', async () => {
    const stage = await open();
    const token = await make(stage, await stage.person(), 'unlock');
    for (let time = 0; time < 5; time += 1) await peek(stage, 'unlock', token);
    await take(stage, 'unlock', token);
  });

  it('stays when what it was taken for fails', async () => {
    const stage = await open();
    const token = await make(stage, await stage.person(), 'unlock');
    const failing = stage.world.store.transaction(async (store) => {
      await takeOneTimeToken({ ...stage.world, store }, 'unlock', token);
      throw new Error('the rest failed');
    });
    await assert.rejects(failing, /the rest failed/);
    await take(stage, 'unlock', token);
  });

  for (const purpose of purposes) {
    it(`for ${purpose} lives ${lifetimes[purpose] / 60} min to the second`, async () => {
      const stage = await open();
      const person = await stage.person();
      const [early, late] = [await make(stage, person, purpose), await make(stage, await stage.person(), purpose)];
      stage.clock.advance({ seconds: (lifetimes[purpose] ?? 0) - 1 });
      await take(stage, purpose, early);
      stage.clock.advance({ seconds: 1 });
      await assert.rejects(peek(stage, purpose, late), { code: 'token_expired' });
      await assert.rejects(take(stage, purpose, late), { code: 'token_expired' });
    });
  }

  it('opens nothing but its purpose, and trying costs it nothing', async () => {
    const stage = await open();
    for (const purpose of purposes) {
      const token = await make(stage, await stage.person(), purpose);
      for (const other of purposes.filter((name) => name !== purpose)) {
        await assert.rejects(take(stage, other, token), { code: 'token_invalid' });
        await assert.rejects(peek(stage, other, token), { code: 'token_invalid' });
      }
      await take(stage, purpose, token);
    }
  });

  it('is refused when it was altered, cut, padded or re-encoded', async () => {
    const stage = await open();
    const token = await make(stage, await stage.person(), 'password_reset');
    const last = token.at(-1) === 'A' ? 'B' : 'A';
    const wrong = [
      '',
      token.slice(0, -1),
      token.slice(1),
      `${token}=`,
      `${token}A`,
      ` ${token}`,
      `${token}\n`,
      `${token}\0`,
      `${token.slice(0, -1)}${last}`,
      `${token[0] === 'A' ? 'B' : 'A'}${token.slice(1)}`,
      token.toUpperCase() === token ? token.toLowerCase() : token.toUpperCase(),
      Buffer.from(token, 'base64url').toString('base64'),
      Buffer.from(token, 'base64url').toString('hex'),
      `%${token}%`,
      token.repeat(1000),
      "' or '1'='1",
    ];
    for (const text of wrong) {
      await assert.rejects(
        take(stage, 'password_reset', text),
        { code: 'token_invalid' },
        JSON.stringify(text.slice(0, 60)),
      );
    }
    await take(stage, 'password_reset', token);
  });

  it('stays valid beside the newest two others, whichever is used', async () => {
    const stage = await open();
    const person = await stage.person();
    const tokens: string[] = [];
    for (let time = 0; time < 5; time += 1) {
      tokens.push(await make(stage, person, 'unlock'));
      stage.clock.advance({ seconds: 1 });
    }
    const alive = await Promise.all(
      tokens.map((token) =>
        peek(stage, 'unlock', token).then(
          () => true,
          () => false,
        ),
      ),
    );
    assert.deepEqual(alive, [false, false, true, true, true]);
  });

  it('takes every other of its purpose with it, and none of another purpose', async () => {
    const stage = await open();
    const person = await stage.person();
    const tokens: string[] = [];
    for (let time = 0; time < 3; time += 1) tokens.push(await make(stage, person, 'unlock'));
    const reset = await make(stage, person, 'password_reset');
    const other = await make(stage, await stage.person(), 'unlock');
    await take(stage, 'unlock', tokens[0] ?? '');
    for (const token of tokens) await assert.rejects(take(stage, 'unlock', token), { code: 'token_invalid' });
    await take(stage, 'password_reset', reset);
    await take(stage, 'unlock', other);
  });

  it('dies when the account’s epoch moves, and with the account', async () => {
    const stage = await open();
    const { store } = stage.world;
    for (const end of [
      (person: Person) => store.transaction(({ accounts }) => accounts.moveEpoch(person.id, stage.clock.now())),
      (person: Person) => store.transaction(({ accounts }) => accounts.delete(person.id)),
    ]) {
      const person = await stage.person();
      const token = await make(stage, person, 'unlock');
      await end(person);
      await assert.rejects(peek(stage, 'unlock', token), { code: 'token_invalid' });
      await assert.rejects(take(stage, 'unlock', token), { code: 'token_invalid' });
    }
  });

  it('is kept as a keyed digest alone', async () => {
    const stage = await open();
    const token = await make(stage, await stage.person(), 'unlock');
    const rows = await stage.handle.read.selectFrom('one_time_token').selectAll().execute();
    assert.ok(!JSON.stringify(rows).includes(token));
    assert.ok(rows.some(({ digest }) => digest === stage.world.keyring.digest('one-time-token', token)));
  });
});
