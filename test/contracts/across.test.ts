import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answer, type Client, PASSWORD, sharedWorld, WRONG } from './bearer/client.ts';
import { assertLater, wrongCodes } from './bearer/factor-people.ts';

const CONTRACTS = ['device', 'bearer', 'cookie'] as const;
type Contract = (typeof CONTRACTS)[number];
type Channel = 'totp' | 'email' | 'sms';
type Proof = { code: string } | { recoveryCode: string };

/** Whatever the three contracts' answers hold of a sign-in and of a second factor. */
interface AnyBody {
  access_token?: string;
  twoFactorRequired?: boolean;
  channel?: Channel;
  challenge?: string;
  secret?: string;
  recovery_codes?: string[];
  recoveryCodes?: string[];
  sessions?: { id?: string; uuid?: string; contract?: string; current: boolean }[];
}
const bodyOf = ({ body }: Answer): AnyBody => body as unknown as AnyBody;

const world = sharedWorld();

/** One way of speaking to the server: of the three, what the others call otherwise. */
interface Voice {
  prefix: string;
  signIn(client: Client, email: string, password?: string): Promise<Answer>;
  /** The second step, after {@link signIn} by the same client. */
  complete(client: Client, email: string, proof: Proof): Promise<Answer>;
  /** Which factor a right password was answered with a question for. */
  asksFor(answer: Answer): Channel | undefined;
  who: string;
  confirm: string;
  ownCode: string;
}

const VOICES: Record<Contract, Voice> = {
  device: {
    prefix: '/api/v1/auth',
    async signIn(client, email, password = PASSWORD) {
      const body = { identifier: email, password };
      const answer = await client.askAt('POST', '/api/v1/auth/login', { body, token: null });
      client.token = bodyOf(answer).access_token ?? client.token;
      return answer;
    },
    async complete(client, email, proof) {
      const otp = 'code' in proof ? proof.code : proof.recoveryCode;
      const body = { identifier: email, otp, challenge: client.challenge };
      const answer = await client.askAt('POST', '/api/v1/auth/2fa/verify', { body, token: null });
      client.token = bodyOf(answer).access_token ?? client.token;
      return answer;
    },
    asksFor: (answer) => (answer.status === 202 ? bodyOf(answer).channel : undefined),
    who: '/me',
    confirm: '/2fa/confirm',
    ownCode: 'otp',
  },
  bearer: {
    prefix: '/api/auth',
    signIn: (client, email, password = PASSWORD) => client.signIn(email, password),
    complete(client, email, proof) {
      const { challenge } = client;
      const second = 'code' in proof ? { totpCode: proof.code } : proof;
      return client.signIn(email, PASSWORD, { ...second, challenge });
    },
    asksFor: (answer) => (answer.body.error === 'TOTP_REQUIRED' ? bodyOf(answer).channel : undefined),
    who: '/session',
    confirm: '/two-factor/verify',
    ownCode: 'code',
  },
  cookie: {
    prefix: '/v1/auth',
    signIn: (client, email, password = PASSWORD) =>
      client.askAt('POST', '/v1/auth/login', { body: { email, password }, token: null }),
    complete: (client, _email, proof) => client.askAt('POST', '/v1/auth/two-factor', { body: proof, token: null }),
    asksFor: (answer) => (bodyOf(answer).twoFactorRequired ? bodyOf(answer).channel : undefined),
    who: '/me',
    confirm: '/two-factor/verify',
    ownCode: 'code',
  },
};

/** Somebody’s client of one contract. */
class Speaker {
  readonly client: Client;
  readonly contract: Contract;
  readonly email: string;
  readonly voice: Voice;

  constructor(client: Client, contract: Contract, email: string) {
    this.client = client;
    this.contract = contract;
    this.email = email;
    this.voice = VOICES[contract];
  }
  /** A second after the sign-in before it: of those that wait the newest stay, and these are told apart by their time. */
  first = (password?: string): Promise<Answer> => {
    world().clock.advance({ seconds: 1 });
    return this.voice.signIn(this.client, this.email, password);
  };
  second = (proof: Proof): Promise<Answer> => this.voice.complete(this.client, this.email, proof);
  post = (path: string, body?: object): Promise<Answer> =>
    this.client.askAt('POST', `${this.voice.prefix}${path}`, body ? { body } : {});
  get = (path: string): Promise<Answer> => this.client.askAt('GET', `${this.voice.prefix}${path}`);
  /** Whether its session lives. */
  isIn = async (): Promise<boolean> => (await this.get(this.voice.who)).status === 200;
  asked = async (): Promise<Channel | undefined> => this.voice.asksFor(await this.first());
}

const speaker = (contract: Contract, email: string): Speaker => new Speaker(world().another(), contract, email);

async function signedIn(contract: Contract, email: string): Promise<Speaker> {
  const one = speaker(contract, email);
  const answer = await one.first();
  assert.ok(await one.isIn(), answer.text);
  return one;
}

/** Signed in by both steps. */
async function signedInFully(contract: Contract, email: string, proof: Proof): Promise<Speaker> {
  const one = speaker(contract, email);
  assert.ok(await one.asked());
  const answer = await one.second(proof);
  assert.equal(answer.status, 200, answer.text);
  assert.ok(await one.isIn());
  return one;
}

/** Switches an authenticator on in the words of one contract. */
async function enrol({ contract, post, voice }: Speaker): Promise<{ secret: string; recoveryCodes: string[] }> {
  const started =
    contract === 'device'
      ? await post('/2fa/enable', { channel: 'totp', password: PASSWORD })
      : await post('/two-factor/enable', { password: PASSWORD });
  const { secret = '' } = bodyOf(started);
  const confirmed = await post(voice.confirm, { [voice.ownCode]: world().totp(secret) });
  assert.equal(confirmed.status, 200, confirmed.text);
  const { recovery_codes, recoveryCodes = recovery_codes ?? [] } = bodyOf(confirmed);
  assert.equal(recoveryCodes.length, 10);
  world().clock.advance({ seconds: 61 });
  return { secret, recoveryCodes };
}

const disable = ({ contract, post }: Speaker): Promise<Answer> =>
  post(contract === 'device' ? '/2fa/disable' : '/two-factor/disable', { password: PASSWORD });

describe('one person in three contracts', () => {
  for (const on of CONTRACTS) {
    it(`is asked by all for the factor that was switched on in ${on}, and by none once it is off in any`, async () => {
      for (const off of CONTRACTS) {
        const { email } = await world().account();
        const { secret } = await enrol(await signedIn(on, email));
        for (const contract of CONTRACTS) {
          assert.equal(await speaker(contract, email).asked(), 'totp', contract);
          await signedInFully(contract, email, { code: world().totp(secret) });
          world().clock.advance({ seconds: 61 });
        }
        const one = await signedInFully(off, email, { code: world().totp(secret) });
        assert.equal((await disable(one)).status, 200);
        for (const contract of CONTRACTS) await signedIn(contract, email);
      }
    });

    it(`uses in all the recovery codes that were shown in ${on}, each once`, async () => {
      const { email } = await world().account();
      const { recoveryCodes } = await enrol(await signedIn(on, email));
      for (const [index, contract] of CONTRACTS.entries()) {
        const recoveryCode = recoveryCodes[index] ?? '';
        await signedInFully(contract, email, { recoveryCode });
        for (const other of CONTRACTS) {
          const late = speaker(other, email);
          assert.equal(await late.asked(), 'totp');
          assert.equal((await late.second({ recoveryCode })).status, 401, `${contract}, then ${other}`);
        }
      }
    });

    it(`spends a time step of an authenticator once when it is used in ${on} (R043)`, async () => {
      const { email } = await world().account();
      const { secret } = await enrol(await signedIn('bearer', email));
      const [before, code] = [world().totp(secret, -1), world().totp(secret)];
      await signedInFully(on, email, { code });
      for (const other of CONTRACTS) {
        const late = speaker(other, email);
        assert.equal(await late.asked(), 'totp');
        for (const spent of [code, before]) assert.equal((await late.second({ code: spent })).status, 401, other);
      }
    });
  }

  for (const channel of ['email', 'sms'] as const) {
    it(`is asked by all for the codes by ${channel} that the device contract switched on (R040)`, async () => {
      const phone = channel === 'sms' ? '+33613900001' : '+33613900002';
      const { email } = await world().account({ phone });
      const { recoveryCodes } = await world().enrolDelivered(email, channel);
      const to = channel === 'sms' ? phone : email;
      const codes: string[] = [];
      for (const contract of CONTRACTS) {
        const one = speaker(contract, email);
        assert.equal(await one.asked(), channel);
        codes.push(await world().codeFor(to));
        // What was sent for one contract's sign-in is worth nothing in the others (rule 14).
        for (const other of CONTRACTS.filter((each) => each !== contract)) {
          const stranger = speaker(other, email);
          const { challenge } = one.client;
          if (challenge !== undefined) stranger.client.challenge = challenge;
          const answer = await stranger.second({ code: codes.at(-1) ?? '' });
          assert.ok([400, 401].includes(answer.status), `${contract}, then ${other}: ${answer.text}`);
        }
        const answer = await one.second({ code: codes.at(-1) ?? '' });
        assert.equal(answer.status, 200, answer.text);
        world().clock.advance({ seconds: 61 });
      }
      await signedInFully('bearer', email, { recoveryCode: recoveryCodes[0] ?? '' });
      world().clock.advance({ seconds: 61 });
      const one = await signedInFully('cookie', email, { recoveryCode: recoveryCodes[1] ?? '' });
      assert.equal((await disable(one)).status, 200);
      for (const contract of CONTRACTS) await signedIn(contract, email);
    });
  }

  it('has one second factor: what one contract switches on takes the place of another’s (rule 13)', async () => {
    const { email } = await world().account();
    const device = await world().enrolDelivered(email, 'email');
    const [first = '', second = ''] = device.recoveryCodes;
    const one = await signedInFully('bearer', email, { recoveryCode: first });
    const started = await one.post('/two-factor/enable');
    const { secret = '' } = bodyOf(started);
    assert.equal(await speaker('cookie', email).asked(), 'email');
    await one.post('/two-factor/verify', { code: world().totp(secret) });
    world().clock.advance({ seconds: 61 });
    for (const contract of CONTRACTS) {
      const late = speaker(contract, email);
      assert.equal(await late.asked(), 'totp');
      assert.equal((await late.second({ recoveryCode: second })).status, 401);
      assert.equal((await late.second({ code: world().totp(secret) })).status, 200);
      world().clock.advance({ seconds: 30 });
    }
  });

  it('has one set of recovery codes: new ones made here kill those of elsewhere (R051)', async () => {
    const { email } = await world().account();
    const { recoveryCodes, secret } = await enrol(await signedIn('device', email));
    const one = await signedInFully('bearer', email, { code: world().totp(secret) });
    const renewed = bodyOf(await one.post('/two-factor/recovery-codes')).recoveryCodes ?? [];
    for (const [index, contract] of CONTRACTS.entries()) {
      const late = speaker(contract, email);
      await late.first();
      assert.equal((await late.second({ recoveryCode: recoveryCodes[index] ?? '' })).status, 401);
      assert.equal((await late.second({ recoveryCode: renewed[index] ?? '' })).status, 200);
    }
  });

  it('has ten wrong codes an hour over all, and is told so by each (R037)', async () => {
    const { account, client, email } = await world().signedIn();
    const { secret } = await world().enrol(client);
    const who = { client, account, email, phone: '', to: email, channel: 'totp' as const, secret, recoveryCodes: [] };
    for (const [index, code] of (await wrongCodes(world(), who, 10)).entries()) {
      const one = speaker(CONTRACTS[index % 3] ?? 'bearer', email);
      assert.equal(await one.asked(), 'totp');
      assert.equal((await one.second({ code })).status, 401);
    }
    for (const [index, contract] of CONTRACTS.entries()) {
      const one = speaker(contract, email);
      assert.equal(await one.asked(), 'totp');
      const answer = await one.second({ code: world().totp(secret) });
      assert.equal(answer.status, 429, `${contract}: ${answer.text}`);
      assert.equal(Number(answer.headers['retry-after']), 3600 - 10 - index);
    }
  });

  it('has ten wrong passwords in a row over all, and is locked in each (R021)', async () => {
    const { email } = await world().account();
    const spellings = [email, email.toUpperCase(), email.replace('ada', 'Ada'), email.replace('example', 'Example')];
    for (let time = 0; time < 10; time += 1) {
      const contract = CONTRACTS[time % 3] ?? 'bearer';
      const spelling = spellings[time % 4] ?? email;
      const answer = await speaker(contract, spelling).first(WRONG);
      assert.equal(answer.status, 401, `${contract} ${time}: ${answer.text}`);
    }
    for (const [index, contract] of CONTRACTS.entries()) {
      const answer = await speaker(contract, email).first();
      assert.equal(answer.status, 423, `${contract}: ${answer.text}`);
      assert.equal(Number(answer.headers['retry-after']), 900 - 1 - index);
    }
    assertLater(await speaker('bearer', email).first(), 423);
  });

  it('is one account in all, by the id of each', async () => {
    const { email, uuid } = await world().account();
    const [device, bearer, cookie] = [
      await signedIn('device', email),
      await signedIn('bearer', email),
      await signedIn('cookie', email),
    ];
    const shown = async (one: Speaker) =>
      (await one.get(one.voice.who)).body as unknown as Record<string, AnyUser | undefined>;
    assert.equal((await shown(device))['account']?.uuid, uuid);
    assert.equal((await shown(bearer))['user']?.id, `user_${uuid}`);
    assert.equal((await shown(cookie))['user']?.id, uuid);
  });

  interface AnyUser {
    id?: string | number;
    uuid?: string;
  }
});

describe('sessions of three contracts', () => {
  const all = async (email: string): Promise<Speaker[]> => [
    await signedIn('device', email),
    await signedIn('bearer', email),
    await signedIn('cookie', email),
  ];
  const living = (speakers: Speaker[]): Promise<boolean[]> => Promise.all(speakers.map((one) => one.isIn()));

  for (const [index, from] of CONTRACTS.entries()) {
    it(`are listed in ${from}, and ended from there one by one (R073)`, async () => {
      const { email } = await world().account();
      const speakers = await all(email);
      const asking = speakers[index] ?? assert.fail();
      const { sessions = [] } = bodyOf(await asking.get('/sessions'));
      assert.deepEqual(sessions.map(({ current }) => current).sort(), [false, false, true]);
      for (const { current, id, uuid } of sessions) {
        if (current) continue;
        const ended = await asking.client.askAt('DELETE', `${asking.voice.prefix}/sessions/${id ?? uuid}`);
        assert.equal(ended.status, 200, ended.text);
      }
      assert.deepEqual(
        await living(speakers),
        speakers.map((one) => one === asking),
      );
    });

    it(`end all at once but the one that asks in ${from} (R073)`, async () => {
      const { email } = await world().account();
      const speakers = await all(email);
      const asking = speakers[index] ?? assert.fail();
      const answer = await asking.client.askAt('DELETE', `${asking.voice.prefix}/sessions`);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(
        await living(speakers),
        speakers.map((one) => one === asking),
      );
    });

    it(`stay when one of them signs out in ${from}`, async () => {
      const { email } = await world().account();
      const speakers = await all(email);
      const leaving = speakers[index] ?? assert.fail();
      const answer = await leaving.post(from === 'bearer' ? '/sign-out' : '/logout');
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(
        await living(speakers),
        speakers.map((one) => one !== leaving),
      );
    });

    it(`stay unproven when ${from} switches a factor on, and end there when it is asked for (R045)`, async () => {
      for (const revoke of [false, true]) {
        const { email } = await world().account();
        const speakers = await all(email);
        const asking = speakers[index] ?? assert.fail();
        const started =
          from === 'device'
            ? await asking.post('/2fa/enable', { channel: 'totp', password: PASSWORD })
            : await asking.post('/two-factor/enable');
        const code = world().totp(bodyOf(started).secret ?? '');
        const flag = from === 'device' ? 'revoke_other_sessions' : 'revokeOtherSessions';
        const confirmed = await asking.post(asking.voice.confirm, { [asking.voice.ownCode]: code, [flag]: revoke });
        assert.equal(confirmed.status, 200, confirmed.text);
        assert.deepEqual(
          await living(speakers),
          speakers.map((one) => one === asking || !revoke),
        );
        if (revoke) continue;
        for (const one of speakers.filter((each) => each !== asking)) {
          const answer = await disable(one);
          assert.equal(answer.status, 403, `${one.contract}: ${answer.text}`);
        }
      }
    });
  }

  it('end all when the password is reset, and a change of it keeps the one that made it', async () => {
    const { email } = await world().account();
    const speakers = await all(email);
    const changed = await speakers[1]?.post('/change-password', {
      currentPassword: PASSWORD,
      newPassword: 'granite otter parade',
    });
    assert.equal(changed?.status, 200, changed?.text);
    assert.deepEqual(await living(speakers), [false, true, false]);
    await world().another().post('/forgot-password', { email });
    const token = await world().linkToken(email, '/reset-password');
    const reset = await world().another().post('/reset-password', { token, password: PASSWORD });
    assert.equal(reset.status, 200, reset.text);
    assert.deepEqual(await living(speakers), [false, false, false]);
    for (const contract of CONTRACTS) await signedIn(contract, email);
  });

  it('end all when the account is deleted', async () => {
    const { email } = await world().account();
    const speakers = await all(email);
    const gone = await speakers[1]?.client.delete('/user', { password: PASSWORD });
    assert.equal(gone?.status, 200, gone?.text);
    assert.deepEqual(await living(speakers), [false, false, false]);
    for (const contract of CONTRACTS) assert.equal((await speaker(contract, email).first()).status, 401);
  });

  it('are unlocked for the client that one of the contracts made known, by its token in the others (rule 20)', async () => {
    const { email } = await world().account();
    const bearer = await signedIn('bearer', email);
    for (let time = 0; time < 10; time += 1) await speaker('bearer', email).first(WRONG);
    assert.equal((await speaker('device', email).first()).status, 423);
    const body = { identifier: email, password: PASSWORD, client_token: bearer.client.clientToken };
    const answer = await world().another().askAt('POST', '/api/v1/auth/login', { body });
    assert.equal(answer.status, 200, answer.text);
  });
});
