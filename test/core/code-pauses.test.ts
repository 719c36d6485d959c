import assert from 'node:assert/strict';
import { it } from 'node:test';
import { assertDone, assertRefused, assertSignedIn } from '../contracts/device/answers.ts';
import type { Client } from '../contracts/device/client.ts';
import { type OpenStage, onEachDatabase, PASSWORD } from '../support/stage.ts';
import { appOf, assertLater, type DeviceStage, withDevices } from './with-devices.ts';

interface Asking {
  stage: DeviceStage;
  to: string;
  app: Client;
}

/** A code's purpose, how it is asked for, and what is said when one went out less than a minute ago. */
interface Purpose {
  what: string;
  begin(stage: DeviceStage): Promise<Asking>;
  ask(asking: Asking): ReturnType<Client['post']>;
  waits: 'silently' | 'and says so';
}

const member =
  (factor?: 'email') =>
  async (stage: DeviceStage): Promise<Asking> => {
    const made = await stage.member(factor ? { factor } : {});
    return { stage, to: made.email, app: stage.app() };
  };

const signedIn = async (stage: DeviceStage): Promise<Asking> => {
  const made = await stage.member();
  return { stage, to: made.email, app: await appOf(stage, made) };
};

const PURPOSES: readonly Purpose[] = [
  {
    what: 'a sign-in code, by the first step again,',
    begin: member('email'),
    ask: ({ app, to }) => app.signIn(to),
    waits: 'silently',
  },
  {
    what: 'a sign-in code, by request-otp,',
    async begin(stage) {
      const asking = await member('email')(stage);
      await asking.app.signIn(asking.to);
      stage.clock.advance({ seconds: 60 });
      return asking;
    },
    ask: ({ app, to }) => app.post('/2fa/request-otp', { identifier: to }),
    waits: 'silently',
  },
  {
    what: 'a reset code',
    begin: member(),
    ask: ({ app, to }) => app.post('/password/forgot', { identifier: to }),
    waits: 'silently',
  },
  {
    what: 'a confirmation code',
    async begin(stage) {
      const to = stage.address();
      const app = stage.app();
      await app.post('/register', { email: to, password: PASSWORD });
      stage.clock.advance({ seconds: 60 });
      return { stage, to, app };
    },
    ask: ({ app, to }) => app.post('/confirm/resend', { identifier: to }),
    waits: 'silently',
  },
  {
    what: 'the code of a new factor',
    begin: signedIn,
    ask: ({ app }) => app.post('/2fa/enable', { password: PASSWORD, channel: 'email' }),
    waits: 'and says so',
  },
  {
    what: 'the code of a new address',
    begin: async (stage) => ({ ...(await signedIn(stage)), to: stage.address() }),
    ask: ({ app, to }) => app.post('/email/change', { password: PASSWORD, email: to }),
    waits: 'and says so',
  },
  {
    what: 'the code of a new number',
    begin: async (stage) => ({ ...(await signedIn(stage)), to: stage.number() }),
    ask: ({ app, to }) => app.post('/phone/change', { password: PASSWORD, phone: to }),
    waits: 'and says so',
  },
  {
    what: 'a code for a fresh sign-in',
    async begin(stage) {
      const asking = await member('email')(stage);
      await asking.app.signIn(asking.to);
      assertSignedIn(await asking.app.verify(asking.to, await stage.codeFor(asking.to)));
      return asking;
    },
    ask: ({ app }) => app.post('/reauthenticate', { password: PASSWORD }),
    waits: 'silently',
  },
];

onEachDatabase('a minute passes before', (open: OpenStage) => {
  for (const { ask, begin, waits, what } of PURPOSES) {
    it(`${what} goes out again`, async () => {
      const stage = await withDevices(await open());
      const asking = await begin(stage);
      const sent = async (): Promise<number> => (await stage.codesTo(asking.to)).length;
      const before = await sent();
      const first = await ask(asking);
      assert.ok(first.status < 300, first.text);
      assert.equal(await sent(), before + 1);
      for (const [milliseconds, left] of [
        [0, 60],
        [59_000, 1],
        [999, 1],
      ] as const) {
        stage.clock.advance({ milliseconds });
        const again = await ask(asking);
        if (waits === 'and says so') assertLater(again, 'rate_limited', left);
        else assert.deepEqual([again.status, again.body.message], [first.status, first.body.message]);
        assert.equal(await sent(), before + 1);
      }
      stage.clock.advance({ milliseconds: 1 });
      assert.equal((await ask(asking)).status, first.status);
      assert.equal(await sent(), before + 2);
    });
  }
});

onEachDatabase('a first code for another purpose', (open) => {
  it('waits for no other: five go to one address in one instant', async () => {
    const stage = await withDevices(await open());
    const { email } = await stage.member();
    const app = stage.app();
    const count = async (): Promise<number> => (await stage.codesTo(email)).length;

    await app.post('/password/forgot', { identifier: email });
    assert.equal(await count(), 1);
    assertSignedIn(await app.signIn(email));
    assert.equal((await app.post('/2fa/enable', { password: PASSWORD, channel: 'email' })).status, 200);
    assert.equal(await count(), 2);
    const factor = (await stage.codesTo(email)).find((code) => code.length === 6) ?? '';
    assert.equal((await app.post('/2fa/confirm', { otp: factor })).status, 200);
    const reset = await app.post('/password/forgot', { identifier: email });
    assert.equal(reset.status, 201);
    assert.equal((await app.signIn(email)).status, 202);
    assert.equal((await app.post('/reauthenticate', { password: PASSWORD })).status, 202);
    // Reset, factor, reset again since its epoch moved, sign-in, fresh sign-in.
    assert.equal(await count(), 5);
  });

  it('waits for no other contract’s: the same person signs in here and there', async () => {
    const stage = await withDevices(await open());
    const { email } = await stage.member({ factor: 'email' });
    const app = stage.app();
    assert.equal((await app.signIn(email)).status, 202);
    const there = await stage.trySignIn(email);
    assert.equal(there.outcome, 'second_factor_due');
    assert.equal((await stage.codesTo(email)).length, 2);
  });
});

onEachDatabase('two first steps within a minute', (open) => {
  it('share one code, which completes either and then no other', async () => {
    const stage = await withDevices(await open());
    const { email } = await stage.member({ factor: 'email' });
    const [one, other] = [stage.app(), stage.app()];
    for (const app of [one, other]) assert.equal((await app.signIn(email)).status, 202);
    const [code = '', ...more] = await stage.codesTo(email);
    assert.deepEqual(more, []);
    assertSignedIn(await other.verify(email, code, { challenge: other.challenge }));
    assertRefused(await one.verify(email, code, { challenge: one.challenge }), 401, 'invalid_otp');
    assertDone(
      await one.post('/2fa/request-otp', { identifier: email }),
      'Un code OTP de 6 chiffres a été renvoyé.',
      201,
    );
  });
});
