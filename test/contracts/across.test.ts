import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PASSWORD, sharedWorld, WRONG } from './bearer/client.ts';
import { assertLater, wrongCodes } from './bearer/factor-people.ts';
import { SPA } from './sanctum/client.ts';
import { bodyOf, CONTRACTS, type Contract, type Heard, NO, type Proof, type Speaker, speakerOf } from './speakers.ts';

const OTHER = 'granite otter parade';
/** Those with lists of sessions, and an end to them all. */
const LISTING = ['device', 'bearer', 'cookie'] as const;

const world = sharedWorld();

const speaker = (contract: Contract, email: string): Speaker => speakerOf(world(), contract, email);

async function signedIn(contract: Contract, email: string, password?: string): Promise<Speaker> {
  const one = speaker(contract, email);
  const answer = await one.first(password);
  assert.ok(await one.isIn(), `${contract}: ${answer.text}`);
  return one;
}

/** Signed in by both steps. */
async function signedInFully(contract: Contract, email: string, proof: Proof): Promise<Speaker> {
  const one = speaker(contract, email);
  assert.ok(await one.asked(), contract);
  assert.equal(await one.isIn(), false, contract);
  const answer = await one.second(proof);
  assert.ok(answer.status === 200 || answer.status === 204, `${contract}: ${answer.text}`);
  assert.ok(await one.isIn(), contract);
  return one;
}

async function allSignedIn(email: string, password?: string): Promise<Speaker[]> {
  const speakers: Speaker[] = [];
  for (const contract of CONTRACTS) speakers.push(await signedIn(contract, email, password));
  return speakers;
}

/** Switches an authenticator on in the words of one contract. */
async function enrol(one: Speaker): Promise<{ secret: string; recoveryCodes: string[] }> {
  const { confirm, secret } = await one.startEnrolling();
  const { recoveryCodes } = await confirm();
  world().clock.advance({ seconds: 61 });
  return { secret, recoveryCodes };
}

async function assertNo(answer: Promise<Heard>, { contract }: Speaker, why: keyof (typeof NO)[Contract], what = '') {
  const { status, text } = await answer;
  assert.equal(status, NO[contract][why], `${contract} ${what}: ${text}`);
}

const living = (speakers: Speaker[]): Promise<boolean[]> => Promise.all(speakers.map((one) => one.isIn()));
const only = (speakers: Speaker[], staying: Speaker): boolean[] => speakers.map((one) => one === staying);
const NOBODY = CONTRACTS.map(() => false);
const EVERYBODY = CONTRACTS.map(() => true);

describe('one person in four contracts', () => {
  for (const on of CONTRACTS) {
    it(`is asked by all for the factor that was switched on in ${on}, and by none once it is off in any (rule 13)`, async () => {
      for (const off of CONTRACTS) {
        const { email } = await world().account();
        const { secret } = await enrol(await signedIn(on, email));
        for (const contract of CONTRACTS) {
          assert.equal(await speaker(contract, email).asked(), 'totp', contract);
          await signedInFully(contract, email, { code: world().totp(secret) });
          world().clock.advance({ seconds: 61 });
        }
        const one = await signedInFully(off, email, { code: world().totp(secret) });
        const answer = await one.switchOff();
        assert.equal(answer.status, 200, answer.text);
        for (const contract of CONTRACTS) await signedIn(contract, email);
      }
    });

    it(`uses in all the recovery codes that were shown in ${on}, each once`, async () => {
      const { email } = await world().account();
      const { recoveryCodes } = await enrol(await signedIn(on, email));
      for (const [index, contract] of CONTRACTS.entries()) {
        const recoveryCode = recoveryCodes[index] ?? '';
        await signedInFully(contract, email, { recoveryCode });
        // Elsewhere, and where it was used; four wrong ones a contract are fewer than any of them takes an hour.
        for (const other of [CONTRACTS[(index + 1) % 4] ?? contract, contract]) {
          const late = speaker(other, email);
          assert.equal(await late.asked(), 'totp');
          await assertNo(late.second({ recoveryCode }), late, 'code', `after ${contract}`);
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
        for (const spent of [code, before]) await assertNo(late.second({ code: spent }), late, 'code');
      }
    });
  }

  for (const channel of ['email', 'sms'] as const) {
    it(`is asked by all for the codes by ${channel} that the device contract switched on (R040)`, async () => {
      const phone = channel === 'sms' ? '+33613900001' : '+33613900002';
      const { email } = await world().account({ phone });
      const { recoveryCodes } = await world().enrolDelivered(email, channel);
      const to = channel === 'sms' ? phone : email;
      for (const contract of CONTRACTS) {
        const one = speaker(contract, email);
        assert.equal(await one.asked(), channel, contract);
        const code = await world().codeFor(to);
        // What was sent for one contract's sign-in is worth nothing in the others (rule 14).
        for (const other of CONTRACTS.filter((each) => each !== contract)) {
          const stranger = speaker(other, email);
          stranger.challenge = one.challenge;
          const answer = await stranger.second({ code });
          assert.ok([400, 401, 422].includes(answer.status), `${contract}, then ${other}: ${answer.text}`);
          assert.equal(await stranger.isIn(), false);
        }
        const answer = await one.second({ code });
        assert.ok(await one.isIn(), `${contract}: ${answer.text}`);
        world().clock.advance({ seconds: 61 });
      }
      const proof = (index: number): Proof => ({ recoveryCode: recoveryCodes[index] ?? '' });
      for (const [index, contract] of CONTRACTS.entries()) {
        const one = await signedInFully(contract, email, proof(index));
        world().clock.advance({ seconds: 61 });
        if (contract !== 'sanctum') continue;
        assert.equal((await one.switchOff()).status, 200);
      }
      for (const contract of CONTRACTS) await signedIn(contract, email);
    });

    for (const off of LISTING) {
      it(`is asked by none for codes by ${channel} once they are off in ${off}`, async () => {
        phones += 1;
        const { email } = await world().account({ phone: `+336139001${String(phones).padStart(2, '0')}` });
        const { recoveryCodes } = await world().enrolDelivered(email, channel);
        const one = await signedInFully(off, email, { recoveryCode: recoveryCodes[0] ?? '' });
        assert.equal((await one.switchOff()).status, 200);
        for (const contract of CONTRACTS) await signedIn(contract, email);
      });
    }
  }

  for (const on of ['bearer', 'cookie', 'sanctum'] as const) {
    it(`has one second factor: what ${on} switches on takes the place of another’s (rules 13, 18)`, async () => {
      const { email } = await world().account();
      const device = await world().enrolDelivered(email, 'email');
      const [first = '', second = ''] = device.recoveryCodes;
      const one = await signedInFully(on, email, { recoveryCode: first });
      const { confirm, secret } = await one.startEnrolling();
      // Until it is confirmed, the active one is asked for.
      for (const contract of CONTRACTS) assert.equal(await speaker(contract, email).asked(), 'email');
      await confirm();
      world().clock.advance({ seconds: 61 });
      for (const contract of CONTRACTS) {
        const late = speaker(contract, email);
        assert.equal(await late.asked(), 'totp');
        await assertNo(late.second({ recoveryCode: second }), late, 'code');
        await late.second({ code: world().totp(secret) });
        assert.ok(await late.isIn(), contract);
        world().clock.advance({ seconds: 30 });
      }
    });
  }

  for (const from of ['bearer', 'sanctum'] as const) {
    it(`has one set of recovery codes: new ones made in ${from} kill those of elsewhere (R051)`, async () => {
      const { email } = await world().account();
      const { recoveryCodes, secret } = await enrol(await signedIn('device', email));
      const one = await signedInFully(from, email, { code: world().totp(secret) });
      const renewed = from === 'bearer' ? await renewedIn(one) : await renewedInSanctum(one);
      for (const [index, contract] of CONTRACTS.entries()) {
        const late = speaker(contract, email);
        await late.first();
        await assertNo(late.second({ recoveryCode: recoveryCodes[index] ?? '' }), late, 'code');
        await late.second({ recoveryCode: renewed[index] ?? '' });
        assert.ok(await late.isIn(), contract);
      }
    });
  }

  it('has ten wrong codes an hour over all, and is told so by each (R037)', async () => {
    const { account, client, email } = await world().signedIn();
    const { secret } = await world().enrol(client);
    const who = { client, account, email, phone: '', to: email, channel: 'totp' as const, secret, recoveryCodes: [] };
    for (const [index, code] of (await wrongCodes(world(), who, 10)).entries()) {
      const one = speaker(CONTRACTS[index % 4] ?? 'bearer', email);
      assert.equal(await one.asked(), 'totp');
      await assertNo(one.second({ code }), one, 'code');
    }
    for (const [index, contract] of CONTRACTS.entries()) {
      const one = speaker(contract, email);
      assert.equal(await one.asked(), 'totp');
      const answer = await one.second({ code: world().totp(secret) });
      assert.equal(answer.status, 429, `${contract}: ${answer.text}`);
      assert.equal(Number(answer.headers['retry-after']), 3600 - 10 - index, contract);
      assert.equal(await one.isIn(), false);
    }
  });

  it('has ten wrong passwords in a row over all, and is locked in each (R021)', async () => {
    const { email } = await world().account();
    const spellings = [email, email.toUpperCase(), email.replace('ada', 'Ada'), email.replace('example', 'Example')];
    for (let time = 0; time < 10; time += 1) {
      // Each contract hears more than one of the spellings.
      const spelling = spellings[(time + Math.floor(time / 4)) % 4] ?? email;
      const one = speaker(CONTRACTS[time % 4] ?? 'bearer', spelling);
      await assertNo(one.first(WRONG), one, 'password', String(time));
    }
    for (const [index, contract] of CONTRACTS.entries()) {
      const answer = await speaker(contract, email).first();
      assert.equal(answer.status, NO[contract].locked, `${contract}: ${answer.text}`);
      const seconds = 900 - 1 - index;
      assert.equal(Number(answer.headers['retry-after']), seconds, contract);
      if (contract !== 'sanctum') continue;
      const message = `Too many login attempts. Please try again in ${seconds} seconds.`;
      assert.deepEqual(JSON.parse(answer.text), { message, errors: { email: [message] } });
    }
    const { client } = await world().signedIn();
    assertLater(await client.signIn(email), 423);
  });

  for (const last of CONTRACTS) {
    it(`is locked by the tenth wrong password when ${last} hears it, and not before`, async () => {
      const { email } = await world().account();
      const others = CONTRACTS.filter((contract) => contract !== last);
      for (let time = 0; time < 9; time += 1) {
        const one = speaker(others[time % 3] ?? last, email);
        await assertNo(one.first(WRONG), one, 'password');
      }
      const one = speaker(last, email);
      await assertNo(one.first(WRONG), one, 'password');
      for (const other of CONTRACTS) {
        const late = speaker(other, email);
        await assertNo(late.first(), late, 'locked');
      }
    });

    it(`begins to count anew after a right password in ${last}`, async () => {
      const { email } = await world().account();
      for (const right of [true, false]) {
        for (let time = 0; time < 9; time += 1) {
          const one = speaker(CONTRACTS[time % 4] ?? last, email);
          await assertNo(one.first(WRONG), one, 'password', `${right} ${time}`);
        }
        if (right) await signedIn(last, email);
      }
    });
  }

  it('is one account in all, by the id of each', async () => {
    const { email, id, uuid } = await world().account();
    const [device, bearer, cookie, sanctum] = await allSignedIn(email);
    const shown = async (one: Speaker | undefined) => bodyOf(await (one ?? assert.fail()).who());
    const { account } = await shown(device);
    assert.deepEqual([account?.id, account?.uuid], [id, uuid]);
    assert.equal((await shown(bearer)).user?.id, `user_${uuid}`);
    assert.equal((await shown(cookie)).user?.id, uuid);
    assert.equal((await shown(sanctum)).data?.id, id);
  });

  let phones = 0;
  const renewedIn = async (one: Speaker): Promise<string[]> =>
    bodyOf(await one.ask('POST', '/two-factor/recovery-codes')).recoveryCodes ?? [];
  async function renewedInSanctum(one: Speaker): Promise<string[]> {
    await one.ask('POST', '/user/confirm-password', { password: PASSWORD });
    assert.equal((await one.ask('POST', '/user/two-factor-recovery-codes')).status, 200);
    return JSON.parse((await one.ask('GET', '/user/two-factor-recovery-codes')).text);
  }
});

describe('sessions of four contracts', () => {
  for (const [index, from] of LISTING.entries()) {
    it(`are listed in ${from}, and ended from there one by one (R073)`, async () => {
      const { email } = await world().account();
      const speakers = await allSignedIn(email);
      const asking = speakers[index] ?? assert.fail();
      const { sessions = [] } = bodyOf(await asking.ask('GET', '/sessions'));
      assert.deepEqual(
        sessions.map(({ contract, current }) => [contract, current]).sort(),
        CONTRACTS.map((contract) => [contract, contract === from]).sort(),
      );
      for (const { contract, current, id, uuid } of sessions) {
        if (current) continue;
        const ended = await asking.ask('DELETE', `/sessions/${id ?? uuid}`);
        assert.equal(ended.status, 200, ended.text);
        const over = speakers.find((one) => one.contract === contract) ?? assert.fail();
        assert.equal(await over.isIn(), false, contract);
      }
      assert.deepEqual(await living(speakers), only(speakers, asking));
    });

    it(`end all at once but the one that asks in ${from} (R073)`, async () => {
      const { email } = await world().account();
      const speakers = await allSignedIn(email);
      const asking = speakers[index] ?? assert.fail();
      const answer = await asking.ask('DELETE', '/sessions');
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(await living(speakers), only(speakers, asking));
    });
  }

  for (const [index, from] of CONTRACTS.entries()) {
    it(`stay when one of them signs out in ${from}`, async () => {
      const { email } = await world().account();
      const speakers = await allSignedIn(email);
      const leaving = speakers[index] ?? assert.fail();
      const answer = await leaving.signOut();
      assert.equal(answer.status, from === 'sanctum' ? 204 : 200, answer.text);
      assert.deepEqual(
        await living(speakers),
        speakers.map((one) => one !== leaving),
      );
    });

    it(`stay unproven when ${from} switches a factor on, and end there when it is asked for (R045)`, async () => {
      for (const revoke of from === 'sanctum' ? [false] : [false, true]) {
        const { email } = await world().account();
        const speakers = await allSignedIn(email);
        const asking = speakers[index] ?? assert.fail();
        const { confirm } = await asking.startEnrolling();
        await confirm({ [from === 'device' ? 'revoke_other_sessions' : 'revokeOtherSessions']: revoke });
        assert.deepEqual(await living(speakers), revoke ? only(speakers, asking) : EVERYBODY);
        if (revoke) continue;
        for (const one of speakers.filter((each) => each !== asking)) await assertNo(one.switchOff(), one, 'stale');
      }
    });

    it(`end all but the one that changes the password in ${from}, and the old one opens none again`, async () => {
      const { email } = await world().account();
      const speakers = await allSignedIn(email);
      const changing = speakers[index] ?? assert.fail();
      const answer = await changing.changePassword(OTHER);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(await living(speakers), only(speakers, changing));
      for (const contract of CONTRACTS) {
        const late = speaker(contract, email);
        await assertNo(late.first(), late, 'password');
        await signedIn(contract, email, OTHER);
      }
    });
  }

  for (const from of ['device', 'bearer', 'cookie', 'sanctum'] as const) {
    it(`end all when the password is reset in ${from}`, async () => {
      const { email } = await world().account();
      const speakers = await allSignedIn(email);
      const reset = await resetIn(from, email);
      assert.ok(reset.status === 200, reset.text);
      assert.deepEqual(await living(speakers), NOBODY);
      for (const contract of CONTRACTS) {
        const late = speaker(contract, email);
        await assertNo(late.first(), late, 'password');
      }
      await allSignedIn(email, OTHER);
    });
  }

  it('end all when the operator locks the account, which none of them opens until it is unlocked', async () => {
    const { email, uuid } = await world().account();
    const speakers = await allSignedIn(email);
    await world().identity.lockAccount({ uuid });
    assert.deepEqual(await living(speakers), NOBODY);
    for (const contract of CONTRACTS) {
      const late = speaker(contract, email);
      // Rule 8: as a wrong password.
      await assertNo(late.first(), late, 'password');
      assert.equal(await late.isIn(), false, contract);
    }
    await world().identity.unlockAccount({ uuid });
    assert.deepEqual(await living(speakers), NOBODY);
    await allSignedIn(email);
  });

  it('end all when the operator sets the password or takes the second factor off', async () => {
    const { email, uuid } = await world().account();
    const speakers = await allSignedIn(email);
    await world().identity.setPassword({ uuid, password: OTHER });
    assert.deepEqual(await living(speakers), NOBODY);
    const again = await allSignedIn(email, OTHER);
    await world().identity.resetSecondFactor({ uuid });
    assert.deepEqual(await living(again), NOBODY);
  });

  for (const by of ['its owner', 'the operator'] as const) {
    it(`end all when the account is deleted by ${by}`, async () => {
      const { email, uuid } = await world().account();
      const speakers = await allSignedIn(email);
      if (by === 'the operator') await world().identity.deleteAccount({ uuid });
      else assert.equal((await speakers[1]?.ask('DELETE', '/user', { password: PASSWORD }))?.status, 200);
      assert.deepEqual(await living(speakers), NOBODY);
      for (const contract of CONTRACTS) {
        const late = speaker(contract, email);
        await assertNo(late.first(), late, 'password');
      }
    });
  }

  it('are unlocked for the client that one of the contracts made known, by its token in the others (rule 20)', async () => {
    const { client, email } = await world().signedIn();
    for (let time = 0; time < 10; time += 1) await speaker('bearer', email).first(WRONG);
    assert.equal((await speaker('device', email).first()).status, 423);
    const body = { identifier: email, password: PASSWORD, client_token: client.clientToken };
    const answer = await world().another().askAt('POST', '/api/v1/auth/login', { body });
    assert.equal(answer.status, 200, answer.text);
  });

  it('stay, and are begun anew by a known client of the sanctum contract, while others have locked the account (rule 20)', async () => {
    const { email } = await world().account();
    const speakers = await allSignedIn(email);
    for (let time = 0; time < 10; time += 1) await speaker('device', email).first(WRONG);
    const stranger = speaker('sanctum', email);
    await assertNo(stranger.first(), stranger, 'locked');
    assert.deepEqual(await living(speakers), EVERYBODY);
    const known = speakers[3] ?? assert.fail();
    await known.signOut();
    assert.equal((await known.first()).status, 200);
    assert.ok(await known.isIn());
  });

  it('open their own contract by their own credential in its own place, and nothing else by anything (rule 27)', async () => {
    const { email } = await world().account();
    const speakers = await allSignedIn(email);
    const credentials = speakers.flatMap((one) => Object.entries(one.credentials()));
    assert.deepEqual(
      credentials.map(([home]) => home),
      PLACES.map(([place]) => place).filter((place) => !NOBODYS.includes(place)),
    );
    for (const [home, credential] of credentials) {
      assert.ok(credential.length > 30, home);
      for (const [place, open] of PLACES) {
        if (place === home) continue;
        const { status, text } = await open(credential);
        assert.ok(status === 401, `${home} in ${place}: ${status} ${text}`);
      }
    }
    // None of that was taken for a theft.
    assert.deepEqual(await living(speakers), EVERYBODY);
    for (const [home, credential] of credentials) {
      const [, open] = PLACES.find(([place]) => place === home) ?? assert.fail();
      assert.equal((await open(credential)).status, 200, home);
    }
  });
});

/** Where no credential belongs. */
const NOBODYS = ['cookie header', 'sanctum header'];

const shownAt = (method: 'GET' | 'POST', url: string, headers: Record<string, string>, body?: object): Promise<Heard> =>
  world()
    .another()
    .askAt(method, url, { headers, ...(body && { body }) });
const fromSpa = { referer: `${SPA}/`, accept: 'application/json' };
const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` });

/** Everywhere that a credential can be shown. */
const PLACES: [place: string, open: (credential: string) => Promise<Heard>][] = [
  ['device header', (credential) => shownAt('GET', '/api/v1/auth/me', bearer(credential))],
  ['device refresh_token', (credential) => shownAt('POST', '/api/v1/auth/refresh', {}, { refresh_token: credential })],
  ['bearer header', (credential) => shownAt('GET', '/api/auth/session', bearer(credential))],
  ['cookie header', (credential) => shownAt('GET', '/v1/auth/me', bearer(credential))],
  ['cookie accessToken', (credential) => shownAt('GET', '/v1/auth/me', { cookie: `accessToken=${credential}` })],
  [
    'cookie refreshToken',
    (credential) => shownAt('POST', '/v1/auth/refresh', { cookie: `refreshToken=${credential}` }),
  ],
  ['sanctum header', (credential) => shownAt('GET', '/api/v1/auth/user', { ...fromSpa, ...bearer(credential) })],
  ...['guichet_session', 'remember_web'].map((name): (typeof PLACES)[number] => [
    `sanctum ${name}`,
    (credential) => shownAt('GET', '/api/v1/auth/user', { ...fromSpa, cookie: `${name}=${credential}` }),
  ]),
];

/** Has a reset asked for in a contract's words, and done. */
async function resetIn(contract: Contract, email: string): Promise<Heard> {
  const one = speaker(contract, email);
  if (contract === 'device') {
    const { challenge } = JSON.parse((await one.ask('POST', '/password/forgot', { identifier: email })).text);
    const otp = await world().codeFor(email);
    return one.ask('POST', '/password/reset', { identifier: email, challenge, otp, password: OTHER });
  }
  if (contract === 'sanctum') {
    await one.ask('GET', '/app/config');
    const asked = await one.ask('POST', '/auth/forgot-password', { email });
    assert.equal(asked.status, 200, asked.text);
    const token = await world().linkToken(email, '/reset-password');
    const body = { token, email, password: OTHER, password_confirmation: OTHER };
    return one.ask('POST', '/auth/reset-password', body);
  }
  await one.ask('POST', '/forgot-password', { email });
  const token = await world().linkToken(email, '/reset-password');
  return one.ask('POST', '/reset-password', { token, password: OTHER });
}
