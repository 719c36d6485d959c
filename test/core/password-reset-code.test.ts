import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Answer, assertDone, assertRefused, assertSignedIn, SECRET_VALUE } from '../contracts/device/answers.ts';
import type { Client } from '../contracts/device/client.ts';
import { type OpenStage, OTHER_PASSWORD, onEachDatabase, PASSWORD } from '../support/stage.ts';
import { anotherThan, type DeviceStage, withDevices } from './with-devices.ts';

async function enter(open: OpenStage, of: Parameters<DeviceStage['member']>[0] = {}) {
  const stage = await withDevices(await open());
  const member = await stage.member(of);
  return { ...stage, stage, member, who: member.email || member.phone };
}

/** Asks for a code. @returns the challenge that came with the answer */
async function forgot(app: Client, identifier: string): Promise<string> {
  const { body, status, text } = await app.post('/password/forgot', { identifier });
  const { challenge = '' } = body;
  const message = 'Si ce compte existe, un code de 8 chiffres a été envoyé.';
  assert.deepEqual([status, body], [201, { status: 201, message, challenge }], text);
  assert.match(challenge, SECRET_VALUE);
  return challenge;
}

const reset = (app: Client, identifier: string, challenge: string, otp: string, password = OTHER_PASSWORD) =>
  app.post('/password/reset', { identifier, challenge, otp, password });

const assertReset = (answer: Answer): void =>
  assertDone(answer, 'Mot de passe réinitialisé. Vous pouvez vous connecter avec le nouveau.');

onEachDatabase('a reset by code', (open) => {
  it('sends eight digits, which set a new password once', async () => {
    const { app, codeFor, stage, who } = await enter(open);
    const challenge = await forgot(app(), who);
    const otp = await codeFor(who);
    assert.match(otp, /^\d{8}$/);
    const [letter] = await stage.sentTo(who);
    assert.ok(letter && !letter.text.includes(challenge) && !letter.html.includes(challenge));
    assertReset(await reset(app(), who, challenge, otp));
    assertRefused(await app().signIn(who), 401, 'invalid_credentials');
    assertSignedIn(await app().signIn(who, OTHER_PASSWORD));
    assertRefused(await reset(app(), who, challenge, otp, PASSWORD), 401, 'invalid_otp');
    assertSignedIn(await app().signIn(who, OTHER_PASSWORD));
  });

  it('is answered alike whoever is named', async () => {
    const { app, identity, stage } = await enter(open);
    const named = [
      (await stage.member()).email,
      (await stage.member({ proven: [] })).email,
      (await stage.member({ email: false, phone: true })).phone,
      stage.address(),
      stage.number(),
      'no address, no number',
    ];
    const { email: locked, uuid } = await stage.member();
    await identity.lockAccount({ uuid });
    for (const identifier of [...named, locked]) {
      await forgot(app(), identifier);
      await forgot(app(), identifier);
    }
    assert.deepEqual(await stage.sentTo(locked), []);
  });

  it('wants the challenge that the code was asked for with', async () => {
    const { app, codeFor, stage, who } = await enter(open);
    const stranger = await stage.member();
    const challenge = await forgot(app(), who);
    const theirs = await forgot(app(), stranger.email);
    const [otp, theirOtp] = [await codeFor(who), await codeFor(stranger.email)];
    for (const wrong of [theirs, '', 'x'.repeat(43), `${challenge} `, challenge.slice(1)]) {
      assertRefused(await reset(app(), who, wrong, otp), 401, 'invalid_otp');
    }
    assertRefused(await reset(app(), who, theirs, theirOtp), 401, 'invalid_otp');
    assertRefused(await reset(app(), stranger.email, theirs, otp), 401, 'invalid_otp');
    const without = await app().post('/password/reset', { identifier: who, otp, password: OTHER_PASSWORD });
    assertRefused(without, 422, 'validation_failed', { errors: { challenge: ['Ce champ est obligatoire.'] } });
    assertReset(await reset(app(), who, challenge, otp));
  });

  it('asked for twice within a minute from one network sends one code, for the last challenge', async () => {
    const { app, clock, codesTo, who } = await enter(open);
    const here = app();
    const first = await forgot(here, who);
    clock.advance({ seconds: 59, milliseconds: 999 });
    const last = await forgot(here, who);
    const [otp = '', ...more] = await codesTo(who);
    assert.deepEqual(more, []);
    assertRefused(await reset(here, who, first, otp), 401, 'invalid_otp');
    assertReset(await reset(app(), who, last, otp));
  });

  it('asked for within a minute from another network leads to nothing there, and takes nothing away', async () => {
    const { app, codesTo, who } = await enter(open);
    const [owner, stranger] = [app(), app()];
    const challenge = await forgot(owner, who);
    const theirs = await forgot(stranger, who);
    const [otp = '', ...more] = await codesTo(who);
    assert.deepEqual(more, []);
    assertRefused(await reset(stranger, who, theirs, otp), 401, 'invalid_otp');
    for (let count = 0; count < 5; count += 1) {
      assertRefused(await reset(stranger, who, theirs, anotherThan(otp)), 401, 'invalid_otp');
    }
    assertReset(await reset(owner, who, challenge, otp));
  });

  it('asked for again after a minute sends another code, and the one before works no more', async () => {
    const { app, clock, codesTo, who } = await enter(open);
    const here = app();
    const first = await forgot(here, who);
    const [before = ''] = await codesTo(who);
    clock.advance({ seconds: 60 });
    const last = await forgot(here, who);
    const [otp = ''] = await codesTo(who);
    assert.notEqual(otp, before);
    for (const [challenge, code] of [
      [first, before],
      [first, otp],
      [last, before],
    ] as const) {
      assertRefused(await reset(here, who, challenge, code), 401, 'invalid_otp');
    }
    assertReset(await reset(here, who, last, otp));
  });

  it('lasts ten minutes', async () => {
    for (const [late, works] of [
      [-1, true],
      [0, false],
    ] as const) {
      const { app, clock, codeFor, who } = await enter(open);
      const challenge = await forgot(app(), who);
      const otp = await codeFor(who);
      clock.advance({ minutes: 10, milliseconds: late });
      const answer = await reset(app(), who, challenge, otp);
      if (works) assertReset(answer);
      else assertRefused(answer, 401, 'invalid_otp');
    }
  });
});

onEachDatabase('the code of a reset', (open) => {
  it('may be tried three times, also over several challenges; the next one has three of its own', async () => {
    const { app, clock, codeFor, who } = await enter(open);
    const here = app();
    let challenge = await forgot(here, who);
    const otp = await codeFor(who);
    for (const wrong of [anotherThan(otp), '']) {
      assertRefused(await reset(here, who, challenge, wrong), 401, 'invalid_otp');
    }
    challenge = await forgot(here, who);
    assertRefused(await reset(here, who, challenge, anotherThan(otp)), 401, 'invalid_otp');
    assertRefused(await reset(here, who, challenge, otp), 401, 'invalid_otp');

    clock.advance({ seconds: 60 });
    challenge = await forgot(here, who);
    const next = await codeFor(who);
    for (let count = 0; count < 2; count += 1) {
      assertRefused(await reset(here, who, challenge, anotherThan(next)), 401, 'invalid_otp');
    }
    assertReset(await reset(here, who, challenge, next));
  });

  it('is not used up for its owner by a stranger who asks and guesses', async () => {
    const { app, clock, codeFor, who } = await enter(open);
    const [owner, stranger] = [app(), app()];
    const theirs = await forgot(stranger, who);
    for (let count = 0; count < 5; count += 1) {
      assertRefused(await reset(stranger, who, theirs, '00000000'), 401, 'invalid_otp');
    }
    clock.advance({ seconds: 60 });
    const challenge = await forgot(owner, who);
    assertReset(await reset(owner, who, challenge, await codeFor(who)));
  });

  it('may be tried three times by all who come at once', async () => {
    const { app, codeFor, handle, member, who } = await enter(open);
    const challenge = await forgot(app(), who);
    const otp = await codeFor(who);
    const guesses = Array.from({ length: 30 }, (_, index) => String(index).padStart(8, '0')).filter(
      (guess) => guess !== otp,
    );
    const answers = await Promise.all(guesses.map((guess) => reset(app(), who, challenge, guess)));
    for (const answer of answers) assertRefused(answer, 401, 'invalid_otp');
    const { tries } = await handle.read
      .selectFrom('delivered_code')
      .select('tries')
      .where('account_id', '=', member.id)
      .executeTakeFirstOrThrow();
    assert.equal(tries, 3);
    assertRefused(await reset(app(), who, challenge, otp), 401, 'invalid_otp');
  });

  it('sets one password when twenty come with it at once', async () => {
    const { app, codeFor, who } = await enter(open);
    const challenge = await forgot(app(), who);
    const otp = await codeFor(who);
    const passwords = Array.from({ length: 20 }, (_, index) => `copper lantern quarry ${index}`);
    const answers = await Promise.all(passwords.map((password) => reset(app(), who, challenge, otp, password)));
    const won = passwords.filter((_, index) => answers[index]?.status === 200);
    assert.equal(won.length, 1);
    for (const answer of answers) if (answer.status !== 200) assertRefused(answer, 401, 'invalid_otp');
    assertSignedIn(await app().signIn(who, won[0]));
  });

  it('stays usable when the password is refused', async () => {
    const { app, codeFor, stage } = await enter(open);
    const { email: who } = await stage.member({ email: `lovelace.${stage.address('ada')}` });
    const challenge = await forgot(app(), who);
    const otp = await codeFor(who);
    const weak: [password: string, why: string][] = [
      ['short', 'Le mot de passe doit contenir au moins 8 caractères.'],
      ['password123', 'Ce mot de passe est parmi les plus courants. Veuillez en choisir un autre.'],
      [who, 'Le mot de passe ne doit pas être fait de votre nom, de votre e-mail ou de votre numéro.'],
      ['x'.repeat(1025), 'Le mot de passe est trop long : 1 024 octets au plus sont acceptés.'],
    ];
    for (const [password, why] of weak) {
      for (const code of [otp, anotherThan(otp)]) {
        const refused = await reset(app(), who, challenge, code, password);
        assertRefused(refused, 422, 'validation_failed', { errors: { password: [why] } });
      }
    }
    assertReset(await reset(app(), who, challenge, otp));
  });

  it('stays usable when the password is made of what only the account’s owner is called', async () => {
    const { app, codeFor, stage } = await enter(open);
    const { email } = await stage.person({ firstName: 'Bartholomew' });
    const { phone } = await stage.member({ phone: true, proven: ['email'] });
    const challenge = await forgot(app(), email);
    const otp = await codeFor(email);
    const wrong = await reset(app(), email, challenge, anotherThan(otp), 'Bartholomew1234');
    // Without the code nobody hears what the owner is called.
    assertRefused(wrong, 401, 'invalid_otp');
    const refused = await reset(app(), email, challenge, otp, 'Bartholomew1234');
    assert.equal(refused.status, 422, refused.text);
    assertReset(await reset(app(), email, challenge, otp));

    const byPhone = await forgot(app(), phone);
    const { email: theirs } = await stage.identity.findAccount({ name: phone });
    const code = await codeFor(theirs ?? '');
    const national = `0${phone.slice(3)} tango`;
    assert.equal((await reset(app(), phone, byPhone, code, national)).status, 422);
    assertReset(await reset(app(), phone, byPhone, code));
  });
});

onEachDatabase('twenty wrong reset codes in a day', (open) => {
  /** Wrong codes for one identifier, three for each that is sent, from a network of their own each. */
  async function fail(stage: DeviceStage, who: string, times: number): Promise<Answer[]> {
    const answers: Answer[] = [];
    let challenge = '';
    for (let count = 0; count < times; count += 1) {
      if (count % 3 === 0) {
        stage.clock.advance({ minutes: 13 });
        challenge = await forgot(stage.app(), who);
        await stage.deliver();
      }
      answers.push(await reset(stage.app(), who, challenge, 'wrong'));
    }
    return answers;
  }

  it('end the tries for the day', async () => {
    const { app, clock, codeFor, stage, who } = await enter(open);
    const start = clock.now() + 13 * 60_000;
    for (const answer of await fail(stage, who, 20)) assertRefused(answer, 401, 'invalid_otp');
    clock.advance({ minutes: 13 });
    const challenge = await forgot(app(), who);
    const late = await reset(app(), who, challenge, await codeFor(who));
    assert.notEqual(late.status, 200, late.text);
    assertRefused(await app().signIn(who, OTHER_PASSWORD), 401, 'invalid_credentials');

    clock.advance({ milliseconds: start + 24 * 3_600_000 - clock.now() });
    const next = await forgot(app(), who);
    assertReset(await reset(app(), who, next, await codeFor(who)));
  });

  it('are twenty: after nineteen the right one still works', async () => {
    const { codeFor, stage, who } = await enter(open);
    await fail(stage, who, 18);
    stage.clock.advance({ minutes: 13 });
    const challenge = await forgot(stage.app(), who);
    const otp = await codeFor(who);
    assertRefused(await reset(stage.app(), who, challenge, anotherThan(otp)), 401, 'invalid_otp');
    assertReset(await reset(stage.app(), who, challenge, otp));
  });

  it('are nothing to the mailed link', async () => {
    const { identity, stage, who } = await enter(open);
    await fail(stage, who, 20);
    stage.clock.advance({ hours: 1 });
    await identity.startPasswordReset({ contract: 'cookie', email: who, caller: stage.caller() });
    const token = await stage.tokenFor(who);
    await identity.finishPasswordReset({ contract: 'cookie', token, password: OTHER_PASSWORD, caller: stage.caller() });
    assertSignedIn(await stage.app().signIn(who, OTHER_PASSWORD));
  });

  it('tell nobody whether there is an account', async () => {
    const { stage, who } = await enter(open);
    const shown = ({ body, headers }: Answer) => ({ body, retryAfter: headers['retry-after'] });
    const known = await fail(stage, who, 23);
    const unknown = await fail(stage, stage.address(), 23);
    assert.deepEqual(known.map(shown), unknown.map(shown));
  });
});
