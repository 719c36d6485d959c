import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answer, assertRefused, assertSignedIn } from '../contracts/device/answers.ts';
import { PASSWORD, sharedWorld } from '../contracts/device/client.ts';

/** What anybody can tell two answers apart by. */
const told = ({ body, headers, status }: Answer) => ({ status, body, retryAfter: headers['retry-after'] });

describe('attacks on the second factor', () => {
  const world = sharedWorld();

  it('a session that proved the factor before has not proven the one that took its place', async () => {
    const { another, clock, enrol, signedIn, totp } = world();
    const { client: owner, email } = await signedIn();
    const { secret } = await enrol(owner, 'totp');
    const thief = another();
    await thief.signIn(email);
    assertSignedIn(await thief.verify(email, totp(secret)));
    clock.advance({ seconds: 61 });
    await enrol(owner, 'email');
    assertRefused(await thief.post('/2fa/disable', {}), 403, 'reauth_required');
    assertRefused(await thief.delete('/account', {}), 403, 'reauth_required');
  });

  it('no session has proven a factor that was switched on after the one it proved was switched off', async () => {
    const { another, clock, enrol, signedIn, totp } = world();
    const { client: owner, email } = await signedIn();
    const { secret } = await enrol(owner, 'totp');
    const thief = another();
    await thief.signIn(email);
    assertSignedIn(await thief.verify(email, totp(secret)));
    assert.equal((await owner.post('/2fa/disable', {})).status, 200);
    clock.advance({ seconds: 61 });
    await enrol(owner, 'totp');
    assertRefused(await thief.post('/2fa/disable', {}), 403, 'reauth_required');
  });

  it('asking for a code again tells a network that has used up its share nothing of who is signing in', async () => {
    const { another, enrol, signedIn } = world();
    const { client: owner, email } = await signedIn();
    await enrol(owner, 'email');
    const address = '10.250.1.1';
    assert.equal((await another({ address, device: {} }).signIn(email)).status, 202);
    const neighbour = another({ address: '10.250.1.200', device: {} });
    const ask = (identifier: string) => neighbour.post('/2fa/request-otp', { identifier });
    for (let count = 0; count < 30; count += 1) assert.equal((await ask('nobody@example.com')).status, 201);
    assert.deepEqual(told(await ask(email)), told(await ask('nobody@example.com')));
  });

  it('wrong codes count for the network with the right password beside them, too', async () => {
    const { another, enrol, signedIn } = world();
    const address = '10.250.2.1';
    const answers: number[] = [];
    for (let person = 0; person < 5; person += 1) {
      const { client: owner, email } = await signedIn();
      await enrol(owner, 'totp');
      const thief = another({ address });
      for (let time = 0; time < 9; time += 1) {
        answers.push((await thief.verify(email, 'abcdef', { password: PASSWORD })).status);
      }
    }
    assert.deepEqual(
      answers.slice(30).filter((status) => status !== 429),
      [],
    );
  });
});
