import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createKeyring } from '../../src/core/keyring.ts';
import { onEachDatabase, PASSWORD, race, type Stage } from '../support/stage.ts';
import { onDevice } from '../support/tokens.ts';

/** Somebody signed in, and their browser. */
async function browser(stage: Stage) {
  const person = await stage.person();
  const caller = stage.caller({ userAgent: 'Otter/1.0' });
  return { ...(await stage.signIn(person.email, { caller })), ...person, caller };
}

const ended = { code: 'session_ended' };
const mailsOf = async (stage: Stage, email: string): Promise<number> => (await stage.mails(email)).length;

onEachDatabase('a refresh token', (open) => {
  it('is spent for a successor and a new access token', async () => {
    const stage = await open();
    const { refreshToken, accessToken, caller } = await browser(stage);
    const next = await stage.refresh(refreshToken, caller);
    assert.notEqual(next.refreshToken, refreshToken);
    assert.notEqual(next.accessToken, accessToken);
    assert.match(next.refreshToken, /^[\w-]{43}$/);
    await stage.refresh(next.refreshToken, caller);
  });

  it('has the form of its contract from the first to the last, and opens no other', async () => {
    const stage = await open();
    const caller = stage.caller({ userAgent: 'Otter/1.0' });
    const refresh = (refreshToken: string, contract: 'device' | 'cookie' = 'device') =>
      stage.identity.rotateRefreshToken({ contract, refreshToken, caller });
    const first = (await onDevice(stage)).refreshToken;
    const second = (await refresh(first)).refreshToken;
    const third = (await refresh(second)).refreshToken;
    for (const token of [first, second, third]) assert.match(token, /^[0-9a-f]{64}$/);
    assert.equal((await refresh(first)).refreshToken, third);
    const refused = { code: 'session_ended', facts: { credential: 'refused' } };
    const inBase64 = Buffer.from(third, 'hex').toString('base64url');
    for (const wrong of ['', 'x', third.toUpperCase(), `${third}0`, third.slice(2), ` ${third}`, inBase64]) {
      await assert.rejects(refresh(wrong), refused);
    }
    await assert.rejects(refresh(third, 'cookie'), refused);
    await assert.rejects(refresh('0'.repeat(64)), { code: 'session_ended', facts: { credential: 'over' } });
    await refresh(third);
  });

  it('leaves the two newest access tokens good, and no older one', async () => {
    const stage = await open();
    const first = await browser(stage);
    const second = await stage.refresh(first.refreshToken, first.caller);
    await stage.live(first);
    const third = await stage.refresh(second.refreshToken, first.caller);
    await assert.rejects(stage.live(first), ended);
    await stage.live(second);
    await stage.live(third);
  });

  it('gives all who come with it at once one and the same successor', async () => {
    const stage = await open();
    const { refreshToken, caller } = await browser(stage);
    const { won, lost } = await race(50, () => stage.refresh(refreshToken, caller));
    assert.deepEqual([won.length, lost], [50, []]);
    assert.equal(new Set(won.map((answer) => answer.refreshToken)).size, 1);
    await stage.refresh(won[0]?.refreshToken ?? '', caller);
  });

  it('gives two tabs that go on at different speeds the newest of the family', async () => {
    const stage = await open();
    const { refreshToken, caller } = await browser(stage);
    const second = await stage.refresh(refreshToken, caller);
    const third = await stage.refresh(second.refreshToken, caller);
    stage.clock.advance({ seconds: 10 });
    assert.equal((await stage.refresh(refreshToken, caller)).refreshToken, third.refreshToken);
    assert.equal((await stage.refresh(second.refreshToken, caller)).refreshToken, third.refreshToken);
  });

  it('comes back within ten seconds even when its successor was used, and no later', async () => {
    const stage = await open();
    const { refreshToken, caller, email } = await browser(stage);
    const second = await stage.refresh(refreshToken, caller);
    const third = await stage.refresh(second.refreshToken, caller);
    stage.clock.advance({ seconds: 10, milliseconds: 1 });
    await assert.rejects(stage.refresh(refreshToken, caller), ended);
    await assert.rejects(stage.refresh(third.refreshToken, caller), ended);
    await assert.rejects(stage.live(third), ended);
    assert.equal(await mailsOf(stage, email), 1);
  });

  it('comes back within sixty seconds while its successor was never presented', async () => {
    const stage = await open();
    const { refreshToken, caller } = await browser(stage);
    const lost = await stage.refresh(refreshToken, caller);
    stage.clock.advance({ seconds: 60 });
    const again = await stage.refresh(refreshToken, caller);
    assert.equal(again.refreshToken, lost.refreshToken);
    await stage.live(again);
    await stage.refresh(again.refreshToken, caller);
  });

  it('ends the family after sixty seconds, and tells the owner once', async () => {
    const stage = await open();
    const { refreshToken, caller, email, uuid } = await browser(stage);
    const second = await stage.refresh(refreshToken, caller);
    stage.clock.advance({ seconds: 60, milliseconds: 1 });
    await assert.rejects(stage.refresh(refreshToken, caller), ended);
    await assert.rejects(stage.live(second), ended);
    await assert.rejects(stage.refresh(refreshToken, caller), ended);
    const [mail, ...more] = await stage.mails(email);
    assert.deepEqual([mail?.links, mail?.code, more], [[], null, []]);
    assert.ok((await stage.recorded(uuid)).includes('session.replayed'));
  });

  it('ends the family at once when another browser brings it back', async () => {
    const stage = await open();
    const { refreshToken, caller, email } = await browser(stage);
    const second = await stage.refresh(refreshToken, caller);
    await assert.rejects(stage.refresh(refreshToken, stage.caller({ userAgent: 'Thief/1.0' })), ended);
    await assert.rejects(stage.refresh(second.refreshToken, caller), ended);
    assert.equal(await mailsOf(stage, email), 1);
  });

  it('ends its own family and no other of the account', async () => {
    const stage = await open();
    const first = await browser(stage);
    const other = await stage.signIn(first.email);
    await stage.refresh(first.refreshToken, first.caller);
    await assert.rejects(stage.refresh(first.refreshToken, stage.caller({ userAgent: null })), ended);
    await stage.live(other);
    await stage.refresh(other.refreshToken);
  });

  it('whose family a thief continued ends it when the owner comes back', async () => {
    const stage = await open();
    const { refreshToken, caller, email } = await browser(stage);
    let stolen = (await stage.refresh(refreshToken, stage.caller())).refreshToken;
    for (let time = 0; time < 3; time += 1) {
      stage.clock.advance({ minutes: 15 });
      stolen = (await stage.refresh(stolen, stage.caller())).refreshToken;
    }
    await assert.rejects(stage.refresh(refreshToken, caller), ended);
    await assert.rejects(stage.refresh(stolen, stage.caller()), ended);
    assert.equal(await mailsOf(stage, email), 1);
  });

  it('that is altered, cut, made up or empty ends nothing', async () => {
    const stage = await open();
    const { refreshToken, caller, accessToken } = await browser(stage);
    const wrong = [
      '',
      refreshToken.slice(0, -1),
      `${refreshToken}=`,
      `${refreshToken.slice(0, -1)}${refreshToken.at(-1) === 'A' ? 'B' : 'A'}`,
      refreshToken.toLowerCase() === refreshToken ? refreshToken.toUpperCase() : refreshToken.toLowerCase(),
      'A'.repeat(43),
      accessToken,
      stage.world.keyring.digest('refresh-token', refreshToken),
    ];
    for (const text of wrong) await assert.rejects(stage.refresh(text, caller), ended);
    await stage.refresh(refreshToken, caller);
  });

  it('lives seven days since its last use, to the second', async () => {
    const stage = await open();
    const [early, late] = [await browser(stage), await browser(stage)];
    stage.clock.advance({ days: 6, hours: 23, minutes: 59, seconds: 59 });
    const next = await stage.refresh(early.refreshToken, early.caller);
    stage.clock.advance({ seconds: 1 });
    await assert.rejects(stage.refresh(late.refreshToken, late.caller), ended);
    assert.equal(await mailsOf(stage, late.email), 0);
    stage.clock.advance({ days: 6, hours: 23, minutes: 59, seconds: 58 });
    await stage.refresh(next.refreshToken, early.caller);
  });

  it('lives thirty days since the sign-in at most, to the second, however often it is used', async () => {
    const stage = await open();
    const { caller, ...first } = await browser(stage);
    let { refreshToken } = first;
    for (let day = 0; day < 29; day += 1) {
      stage.clock.advance({ days: 1 });
      refreshToken = (await stage.refresh(refreshToken, caller)).refreshToken;
    }
    stage.clock.advance({ hours: 23, minutes: 59, seconds: 59 });
    const last = await stage.refresh(refreshToken, caller);
    await stage.live(last);
    stage.clock.advance({ seconds: 1 });
    await assert.rejects(stage.refresh(last.refreshToken, caller), ended);
    await assert.rejects(stage.live(last), ended);
  });

  it('lives no longer for a fresh proof of the password', async () => {
    const stage = await open();
    const first = await browser(stage);
    let current: { refreshToken: string; accessToken: string } = first;
    for (let time = 0; time < 4; time += 1) {
      stage.clock.advance({ days: 6 });
      current = await stage.refresh(current.refreshToken, first.caller);
    }
    await stage.identity.reauthenticate({ live: await stage.live(current), password: PASSWORD, caller: first.caller });
    stage.clock.advance({ days: 5, hours: 23 });
    current = await stage.refresh(current.refreshToken, first.caller);
    stage.clock.advance({ hours: 1 });
    await assert.rejects(stage.refresh(current.refreshToken, first.caller), ended);
  });

  it('is refused at once when an operator locks the account, and for good', async () => {
    const stage = await open();
    const { refreshToken, caller, uuid } = await browser(stage);
    await stage.identity.lockAccount({ uuid });
    await assert.rejects(stage.refresh(refreshToken, caller), ended);
    await stage.identity.unlockAccount({ uuid });
    await assert.rejects(stage.refresh(refreshToken, caller), ended);
  });

  it('keeps no text of itself in the database', async () => {
    const stage = await open();
    const { refreshToken, caller } = await browser(stage);
    const next = await stage.refresh(refreshToken, caller);
    const rows = JSON.stringify(await stage.handle.read.selectFrom('refresh_token').selectAll().execute());
    assert.ok(![refreshToken, next.refreshToken].some((text) => rows.includes(text)));
  });

  it('goes on over a rotation of the secret, its grace included', async () => {
    const stage = await open();
    const { refreshToken, caller } = await browser(stage);
    const before = await stage.refresh(refreshToken, caller);
    const keyring = createKeyring(['kR7wQ2zVt5NxLc8pJm1BfYh4sDg6uE9i', 'm0Jq7vXbR2tYp9WcK4sLd8NfHgZ1uEoA5iTx']);
    const rotated = stage.identityWith({ keyring });
    const again = await rotated.rotateRefreshToken({ contract: 'cookie', refreshToken, caller });
    assert.equal(again.refreshToken, before.refreshToken);
    const next = await rotated.rotateRefreshToken({ contract: 'cookie', refreshToken: before.refreshToken, caller });
    assert.equal(
      (await rotated.rotateRefreshToken({ contract: 'cookie', refreshToken, caller })).refreshToken,
      next.refreshToken,
    );
  });
});
