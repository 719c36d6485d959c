import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { it } from 'node:test';
import * as trips from '../../src/core/provider-trip.ts';
import type { World } from '../../src/core/world.ts';
import { type OpenStage, onEachDatabase, race, tally } from '../support/stage.ts';
import { finishAs, leaveFor, RETURN, type ToldProviders, toldProviders } from './told-providers.ts';

const INVALID = { code: 'token_invalid' };

/** Looks at what came back and ends it, as whatever comes of a trip does. */
async function endTrip(world: World, of: Parameters<typeof trips.lookAtTrip>[1]): Promise<trips.Trip> {
  const trip = trips.lookAtTrip(world, of);
  await trips.endTrip(world, trip);
  return trip;
}

async function enter(open: OpenStage) {
  const stage = await open();
  const providers: ToldProviders = toldProviders();
  return { ...stage, providers, identity: stage.identityWith({ providers }) };
}

onEachDatabase('a trip to a provider', (open) => {
  it('R097: ends once, with what it was begun with', async () => {
    const { clock, identity, world } = await enter(open);
    const codeChallenge = createHash('sha256').update('verifier').digest('base64url');
    const { state, trip: sealed } = await leaveFor(identity, { redirectUrl: RETURN, codeChallenge });
    const { codeVerifier, nonce, ...trip } = await endTrip(world, { provider: 'github', trip: sealed, state });

    for (const secret of [state, nonce, codeVerifier]) assert.match(secret, /^[\w-]{43}$/);
    assert.equal(new Set([state, nonce, codeVerifier]).size, 3);
    assert.deepEqual(trip, {
      provider: 'github',
      redirectUrl: RETURN,
      codeChallenge,
      state,
      link: null,
      expiresAt: clock.now() + 10 * 60 * 1000,
    });
    await assert.rejects(endTrip(world, { provider: 'github', trip: sealed, state }), INVALID);
  });

  it('R097: ends for one of fifty', async () => {
    const { identity, world } = await enter(open);
    const { state, trip } = await leaveFor(identity);
    const { lost, won } = await race(50, () => endTrip(world, { provider: 'github', trip, state }));

    assert.equal(won.length, 1);
    assert.deepEqual(tally(lost), { token_invalid: 49 });
  });

  it('R097: ends with its own state, at its own provider, sealed by this server', async () => {
    const { identity, world } = await enter(open);
    const { state, trip } = await leaveFor(identity);
    const other = await leaveFor(identity);
    const { keyring } = world;
    const plain = keyring.open('provider trip', trip);
    for (const [what, ending] of Object.entries({
      'no state': { provider: 'github', trip, state: null },
      'an empty state': { provider: 'github', trip, state: '' },
      'another state': { provider: 'github', trip, state: other.state },
      'a longer state': { provider: 'github', trip, state: `${state}x` },
      'another provider': { provider: 'acme', trip, state },
      'no trip': { provider: 'github', trip: undefined, state },
      'another trip': { provider: 'github', trip: other.trip, state },
      'a trip in plain': { provider: 'github', trip: plain, state },
      'a trip sealed for something else': {
        provider: 'github',
        trip: keyring.seal('one-time token', plain, randomBytes(12)),
        state,
      },
      'a trip with another end': { provider: 'github', trip: `${trip.slice(0, -2)}AA`, state },
    })) {
      await assert.rejects(endTrip(world, ending), INVALID, what);
    }
    // None of them has used it up.
    await endTrip(world, { provider: 'github', trip, state });
  });

  it('R097: is over after ten minutes, and stays used up as long', async () => {
    const { caller, clock, identity, providers, world } = await enter(open);
    const late = await leaveFor(identity);
    const used = await leaveFor(identity);
    await endTrip(world, { provider: 'github', ...used });
    clock.advance({ minutes: 9, seconds: 59 });
    await assert.rejects(endTrip(world, { provider: 'github', ...used }), INVALID);
    clock.advance({ seconds: 1 });
    let asked = 0;
    providers.meanwhile = async () => {
      asked += 1;
    };
    const finished = finishAs(identity, 'x', { caller: caller(), provider: 'github', ...late });
    await assert.rejects(finished, { code: 'token_expired' });
    assert.equal(asked, 0, 'the provider is asked nothing');
  });

  it('is not begun for a provider that nobody knows, a foreign return, or a challenge that nobody could answer', async () => {
    const { identity } = await enter(open);
    const codeChallenge = 'A'.repeat(43);
    await assert.rejects(leaveFor(identity, { provider: 'gitlab' }), { code: 'provider_unknown' });
    await assert.rejects(leaveFor(identity, { redirectUrl: 'https://evil.example/' }), {
      code: 'input_rejected',
      facts: { fields: { redirectUrl: 'malformed' } },
    });
    await assert.rejects(leaveFor(identity, { redirectUrl: RETURN, codeChallenge: 'plain' }), {
      code: 'input_rejected',
      facts: { fields: { codeChallenge: 'malformed' } },
    });
    await assert.rejects(leaveFor(identity, { codeChallenge }), {
      code: 'input_rejected',
      facts: { fields: { redirectUrl: 'required' } },
    });
    for (const ticket of ['', 'x', 'A'.repeat(43)]) await assert.rejects(leaveFor(identity, { ticket }), INVALID);
  });

  it('keeps no row before it is over, and one digest after', async () => {
    const { handle, identity, world } = await enter(open);
    const count = async (): Promise<number> =>
      (await handle.read.selectFrom('spent_challenge').select('digest').execute()).length;
    const before = await count();
    const { state, trip } = await leaveFor(identity);
    assert.equal(await count(), before);
    await endTrip(world, { provider: 'github', trip, state });
    const rows = await handle.read.selectFrom('spent_challenge').selectAll().execute();
    assert.equal(rows.length, before + 1);
    assert.equal(JSON.stringify(rows).includes(state), false);
  });
});
