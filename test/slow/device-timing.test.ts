import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { HashPool } from '../../src/crypto/hash-pool.ts';
import { ARGON2_PARAMETERS, type Argon2Parameters, argon2id } from '../../src/crypto/password-hasher.ts';
import type { Client } from '../contracts/device/client.ts';
import { type DeviceStage, type Member, nextAddress, withDevices } from '../core/with-devices.ts';
import { OTHER_PASSWORD, openStage, PASSWORD, WRONG } from '../support/stage.ts';
import { alike, alikeInTurn, interleave, realClock, type Seen, tellsNothing } from './timings.ts';

/** Pairs of a known and an unknown one. */
const PAIRS = 30;
const QUICK = { memoryCost: 64, timeCost: 1, parallelism: 1, outputLen: 32 };

const KINDS = ['email', 'phone'] as const;
type Kind = (typeof KINDS)[number];

const open = async (t: TestContext, argon2: Argon2Parameters = QUICK): Promise<DeviceStage> =>
  withDevices(await openStage(t, { overrides: { argon2, clock: realClock } }));

/** As many as there are pairs, each reached in one way alone. */
async function people(
  stage: DeviceStage,
  kind: Kind,
  of: Parameters<DeviceStage['member']>[0] = {},
): Promise<Member[]> {
  const members: Member[] = [];
  for (let count = 0; count < PAIRS; count += 1) {
    members.push(await stage.member({ ...of, email: kind === 'email', phone: kind === 'phone' }));
  }
  return members;
}

const nobody = (stage: DeviceStage, kind: Kind): string => (kind === 'email' ? stage.address() : stage.number());

/** Asks for known and unknown ones of both kinds, side by side: nearly all of an even answer's time is waiting. */
async function compare(
  t: TestContext,
  stage: DeviceStage,
  known: Record<Kind, Member[]>,
  ask: (app: Client, identifier: string) => Promise<Seen>,
): Promise<void> {
  const measured = await Promise.all(
    KINDS.map((kind) =>
      interleave(
        PAIRS,
        (index) => ask(stage.app(), known[kind][index]?.[kind] ?? ''),
        () => ask(stage.app(), nobody(stage, kind)),
      ),
    ),
  );
  for (const [index, kind] of KINDS.entries()) {
    const one = measured[index];
    assert.ok(one);
    tellsNothing(t, kind, one);
  }
}

/** Opens a pending login of each, from somewhere else. */
async function signInElsewhere(stage: DeviceStage, members: readonly Member[]): Promise<void> {
  for (const { email, phone } of members) {
    const { status } = await stage.app().signIn(email || phone);
    assert.equal(status, 202);
  }
}

describe('nobody can tell by the answer of the device contract or its time whether there is an account', () => {
  /** A tenth of the work of today's hashes, as an earlier version or another server may have done. */
  const older = { ...ARGON2_PARAMETERS, memoryCost: 4096, timeCost: 1 };
  for (const { kind, what, parameters } of [
    { kind: 'email', what: 'by email', parameters: ARGON2_PARAMETERS },
    { kind: 'phone', what: 'by phone', parameters: ARGON2_PARAMETERS },
    { kind: 'email', what: 'where the password was hashed with less work', parameters: older },
  ] as const) {
    it(`at sign-in ${what}`, async (t) => {
      const stage = await open(t, ARGON2_PARAMETERS);
      const { keyring, store } = stage.world;
      const hasher = await argon2id(new HashPool(), keyring.peppers, parameters);
      // One for all: they take their time.
      const hash = await hasher.hash(PASSWORD);
      const members = await people(stage, kind);
      await store.transaction(async ({ passwords }) => {
        for (const { id } of members) await passwords.replace(id, hash, stage.clock.now());
      });
      const measured = await interleave(
        PAIRS,
        (index) => stage.app().signIn(members[index]?.[kind] ?? '', WRONG),
        () => stage.app().signIn(nobody(stage, kind), WRONG),
      );
      tellsNothing(t, kind, measured);
    });
  }
});

// Side by side, since nearly all of their time is waiting; no more, so that the waiting stays longer than the work.
describe('nor, where answers take even time,', { concurrency: 3 }, () => {
  it('when a code is asked for again, also where a sign-in waits for it elsewhere', async (t) => {
    const stage = await open(t);
    const known = {
      email: await people(stage, 'email', { factor: 'email' }),
      phone: await people(stage, 'phone', { factor: 'sms' }),
    };
    for (const kind of KINDS) await signInElsewhere(stage, known[kind].slice(0, PAIRS / 2));
    await compare(t, stage, known, (app, identifier) => app.post('/2fa/request-otp', { identifier }));
  });

  it('when a code is given, also where a sign-in waits for it elsewhere', async (t) => {
    const stage = await open(t);
    const known = {
      email: await people(stage, 'email', { factor: 'email' }),
      phone: await people(stage, 'phone', { factor: 'sms' }),
    };
    for (const kind of KINDS) await signInElsewhere(stage, known[kind].slice(0, PAIRS / 2));
    await compare(t, stage, known, (app, identifier) =>
      app.verify(identifier, '123456', { challenge: 'x'.repeat(43), device_fingerprint: 'guessed' }),
    );
  });

  it('when a reset is asked for', async (t) => {
    const stage = await open(t);
    const known = { email: await people(stage, 'email'), phone: await people(stage, 'phone') };
    await compare(t, stage, known, (app, identifier) => app.post('/password/forgot', { identifier }));
  });

  it('when the code of a reset is given', async (t) => {
    const stage = await open(t);
    const known = { email: await people(stage, 'email'), phone: await people(stage, 'phone') };
    for (const kind of KINDS) {
      await Promise.all(
        known[kind].map((member) => stage.app().post('/password/forgot', { identifier: member[kind] })),
      );
    }
    const guess = { challenge: 'x'.repeat(43), otp: '12345678', password: OTHER_PASSWORD };
    await compare(t, stage, known, (app, identifier) => app.post('/password/reset', { identifier, ...guess }));
  });

  it('when a confirmation is asked for again', async (t) => {
    const stage = await open(t);
    const proven: [] = [];
    const known = { email: await people(stage, 'email', { proven }), phone: await people(stage, 'phone', { proven }) };
    await compare(t, stage, known, (app, identifier) => app.post('/confirm/resend', { identifier }));
  });

  it('when the code of a confirmation is given', async (t) => {
    const stage = await open(t);
    const proven: [] = [];
    const known = { email: await people(stage, 'email', { proven }), phone: await people(stage, 'phone', { proven }) };
    for (const kind of KINDS) {
      await Promise.all(known[kind].map((member) => stage.app().post('/confirm/resend', { identifier: member[kind] })));
    }
    await compare(t, stage, known, (app, identifier) => app.post('/confirm', { identifier, otp: 'wrong' }));
  });
});

describe('the answers of the device contract', () => {
  /** What is asked, how often, how the last time is answered, and whether all times in one network. */
  const rows: [string, (app: Client, identifier: string) => Promise<Seen>, number, number, 'here'?][] = [
    ['a wrong password', (app, identifier) => app.signIn(identifier, WRONG), 12, 423],
    [
      'a wrong password beside a code',
      (app, identifier) => app.verify(identifier, '123456', { password: WRONG }),
      12,
      423,
    ],
    [
      'a wrong confirmation code',
      (app, identifier) => app.post('/confirm', { identifier, otp: '123456' }),
      12,
      429,
      'here',
    ],
    ['a wrong code', (app, identifier) => app.verify(identifier, '123456'), 12, 401],
    ['a reset', (app, identifier) => app.post('/password/forgot', { identifier }), 7, 201],
    ['a code again', (app, identifier) => app.post('/2fa/request-otp', { identifier }), 7, 201],
    ['a confirmation again', (app, identifier) => app.post('/confirm/resend', { identifier }), 7, 201],
  ];
  for (const [what, ask, times, ends, where] of rows) {
    it(`to ${what} are the same row for known and unknown, proven and unproven ones`, async (t) => {
      const stage = await withDevices(await openStage(t));
      for (const kind of KINDS) {
        const held = { email: kind === 'email', phone: kind === 'phone' };
        const identifiers = [
          nobody(stage, kind),
          (await stage.member(held))[kind],
          (await stage.member({ ...held, proven: [] }))[kind],
          (await stage.member({ ...held, factor: kind === 'email' ? 'email' : 'sms' }))[kind],
        ];
        // Side by side in time, since the rows tell how long to wait.
        const answered: Seen[][] = identifiers.map(() => []);
        const here = identifiers.map(() => stage.app());
        for (let time = 0; time < times; time += 1) {
          for (const [index, identifier] of identifiers.entries()) {
            const app = (where && here[index]) ?? stage.app();
            answered[index]?.push(await ask(app, identifier));
          }
          stage.clock.advance({ seconds: 61 });
        }
        const [first = [], ...others] = answered;
        for (const other of others) alikeInTurn(other, first);
        assert.equal(first.at(-1)?.status, ends);
      }
    });
  }

  it('tell no state of an account without its password', async (t) => {
    const stage = await withDevices(await openStage(t));
    const members = [
      await stage.member({ phone: true }),
      await stage.member({ phone: true, proven: [] }),
      await stage.member({ phone: true, factor: 'email' }),
      await stage.member({ phone: true, factor: 'sms' }),
    ];
    const locked = await stage.member({ phone: true });
    await stage.identity.lockAccount({ uuid: locked.uuid });
    const passwordless = await stage.member({ phone: true });
    await stage.world.store.transaction(({ passwords }) => passwords.remove(passwordless.id));
    const answers: Seen[] = [];
    for (const member of [...members, locked, passwordless]) {
      for (const kind of KINDS) answers.push(await stage.app().signIn(member[kind], WRONG));
    }
    for (const kind of KINDS) {
      answers.push(await stage.app().signIn(nobody(stage, kind), WRONG));
      answers.push(await stage.app().signIn(locked[kind], PASSWORD));
      answers.push(await stage.app().signIn(passwordless[kind], PASSWORD));
    }
    alike(...answers);
    assert.equal(answers[0]?.status, 401);
  });

  it('of a network that asked for too much are the same for known and unknown ones', async (t) => {
    const stage = await withDevices(await openStage(t));
    for (const kind of KINDS) {
      const address = nextAddress();
      const app = stage.app({ address });
      const share = kind === 'email' ? 20 : 5;
      for (let count = 0; count < share; count += 1) {
        await app.post('/password/forgot', { identifier: nobody(stage, kind) });
      }
      const member = await stage.member({ email: kind === 'email', phone: kind === 'phone', proven: [] });
      for (const path of ['/password/forgot', '/confirm/resend']) {
        const known = await app.post(path, { identifier: member[kind] });
        alike(known, await app.post(path, { identifier: nobody(stage, kind) }));
        assert.equal(known.status, 429);
      }
    }
  });
});
