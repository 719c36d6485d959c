import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { createKeyring } from '../../src/core/keyring.ts';
import { type Ceremony, isOwnChallenge, makeChallenge } from '../../src/core/passkey-challenge.ts';
import type { SessionId } from '../../src/core/session.ts';
import { minutes } from '../../src/core/time.ts';
import { TestClock } from '../support/world.ts';

const OLD = 'Z3vT1qLr8nYcX5kWm2HsPb7dGfJ9uE4a';
const NEW = 'kR7wQ2zVt5NxLc8pJm1BfYh4sDg6uE9i';

const worldOf = (of: { clock?: TestClock; secrets?: [string, ...string[]]; relyingPartyId?: string } = {}) => ({
  clock: of.clock ?? new TestClock(),
  keyring: createKeyring(of.secrets ?? [NEW]),
  passkeys: { relyingPartyId: of.relyingPartyId ?? 'example.org' },
  random: { bytes: (length: number) => randomBytes(length), uuid: () => randomUUID() },
});

const session = (id: string) => ({ id: id as SessionId });
const claimed = (challenge: Uint8Array) => ({ challenge, credentialId: 'AA', userHandle: null });

const CEREMONIES: Ceremony[] = [
  { purpose: 'sign_in' },
  ...(['register', 'reauthenticate'] as const).flatMap((purpose) =>
    [
      ['one', 1],
      ['one', 2],
      ['other', 1],
      // What would read alike if the parts were only put behind each other.
      ['on', 11],
      ['one1', 1],
    ].map(([id, epoch]) => ({ purpose, session: session(String(id)), account: { epoch: Number(epoch) } })),
  ),
  ...['one', 'other', '', '["one",1]'].map((pending) => ({ purpose: 'second_factor' as const, pending })),
];

describe('a passkey’s challenge', () => {
  it('R106: is sixteen random bytes, an expiry and an HMAC', () => {
    const world = worldOf();
    const challenges = Array.from({ length: 100 }, () => Buffer.from(makeChallenge(world, { purpose: 'sign_in' })));
    for (const part of [[0, 16] as const, [22, 54] as const]) {
      assert.equal(new Set(challenges.map((bytes) => bytes.toString('hex', ...part))).size, 100);
    }
    for (const bytes of challenges) {
      assert.equal(bytes.length, 54);
      assert.equal(bytes.readUIntBE(16, 6), world.clock.now() + minutes(5));
    }
  });

  it('R106: belongs to what it was made for, and to nothing else', () => {
    const world = worldOf();
    for (const made of CEREMONIES) {
      const challenge = claimed(makeChallenge(world, made));
      const opens = CEREMONIES.filter((ceremony) => isOwnChallenge(world, ceremony, challenge));
      assert.deepEqual(opens, [made]);
    }
  });

  it('R106: is good for five minutes', () => {
    const world = worldOf();
    const challenge = claimed(makeChallenge(world, { purpose: 'sign_in' }));
    const isGood = (): boolean => isOwnChallenge(world, { purpose: 'sign_in' }, challenge);
    world.clock.advance({ minutes: 4, seconds: 59, milliseconds: 999 });
    assert.equal(isGood(), true);
    world.clock.advance({ milliseconds: 1 });
    assert.equal(isGood(), false);
    world.clock.advance({ seconds: 1 });
    assert.equal(isGood(), false);
  });

  it('R106: is none with any bit turned', () => {
    const world = worldOf();
    const challenge = Buffer.from(makeChallenge(world, { purpose: 'sign_in' }));
    for (let bit = 0; bit < challenge.length * 8; bit += 1) {
      const turned = Buffer.from(challenge);
      turned.writeUInt8(turned.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      assert.equal(isOwnChallenge(world, { purpose: 'sign_in' }, claimed(turned)), false, `bit ${bit}`);
    }
  });

  it('R106: is none of another length', () => {
    const world = worldOf();
    const challenge = Buffer.from(makeChallenge(world, { purpose: 'sign_in' }));
    for (const other of [
      ...Array.from({ length: 54 }, (_, length) => challenge.subarray(0, length)),
      Buffer.concat([challenge, Buffer.alloc(1)]),
      Buffer.concat([challenge, challenge]),
    ]) {
      assert.equal(isOwnChallenge(world, { purpose: 'sign_in' }, claimed(other)), false, `${other.length} bytes`);
    }
  });

  it('R106: belongs to this server and this relying party', () => {
    const clock = new TestClock();
    const challenge = claimed(makeChallenge(worldOf({ clock }), { purpose: 'sign_in' }));
    const isOwn = (of: Parameters<typeof worldOf>[0]) =>
      isOwnChallenge(worldOf({ clock, ...of }), { purpose: 'sign_in' }, challenge);
    assert.deepEqual(
      [isOwn({}), isOwn({ secrets: [OLD] }), isOwn({ relyingPartyId: 'auth.example.org' })],
      [true, false, false],
    );
  });

  it('outlives a rotation of the secret, while the one before is accepted', () => {
    const clock = new TestClock();
    const challenge = claimed(makeChallenge(worldOf({ clock, secrets: [OLD] }), { purpose: 'sign_in' }));
    const isOwn = (secrets: [string, ...string[]]) =>
      isOwnChallenge(worldOf({ clock, secrets }), { purpose: 'sign_in' }, challenge);
    assert.deepEqual([isOwn([NEW, OLD]), isOwn([NEW])], [true, false]);
  });
});
