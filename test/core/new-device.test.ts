import assert from 'node:assert/strict';
import { it } from 'node:test';
import { assertRefused, assertSignedIn } from '../contracts/device/answers.ts';
import { onEachDatabase, PASSWORD, WRONG } from '../support/stage.ts';
import { appOf, type DeviceStage, GALAXY, type Member, nextAddress, TABLET, withDevices } from './with-devices.ts';

const NOTICE = 'Une connexion depuis un nouvel appareil';
const noticesTo = async (stage: DeviceStage, { email }: Member) =>
  (await stage.sentTo(email)).filter(({ subject }) => subject === NOTICE);

onEachDatabase('the owner hears of a sign-in', (open) => {
  it('from a new device, with its name, when and from where, and no code or link', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member();
    await appOf(stage, member, { device: TABLET });
    const userAgent = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0';
    const app = stage.app({ device: GALAXY, userAgent, address: '198.51.100.23' });
    assertSignedIn(await app.signIn(member.email));
    const [notice, ...more] = await noticesTo(stage, member);
    assert.ok(notice);
    assert.deepEqual([more, notice.code, notice.links], [[], null, []]);
    for (const part of ['SAMSUNG GALAXY A13', 'Firefox', 'Windows', '198.51.100.23', 'UTC']) {
      assert.ok(notice.text.includes(part), `${part} is not in: ${notice.text}`);
    }
    for (const secret of [GALAXY.device_fingerprint, app.accessToken, app.refreshToken, app.clientToken]) {
      assert.ok(secret && !notice.text.includes(secret) && !notice.html.includes(secret));
    }
  });

  it('never at the first one', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member();
    await appOf(stage, member, { device: GALAXY });
    assert.deepEqual(await stage.sentTo(member.email), []);
  });

  it('not from the same client again: the same device in its network, or one that sends back what it was given', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member();
    const app = await appOf(stage, member, { device: GALAXY });
    assertSignedIn(await app.signIn(member.email));
    const neighbour = await appOf(stage, member, { device: GALAXY, address: nextAddress() });
    assert.equal((await noticesTo(stage, member)).length, 1);

    const travelling = stage.app({ device: TABLET, userAgent: 'Another/2.0' });
    assertSignedIn(await travelling.signIn(member.email, PASSWORD, { client_token: app.clientToken }));
    assertSignedIn(await stage.app().signIn(member.email, PASSWORD, { client_token: neighbour.clientToken }));
    assert.equal(travelling.clientToken, app.clientToken);
    assert.equal((await noticesTo(stage, member)).length, 1);
  });

  it('from a client that differs in its device, its user agent or its network alone', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member();
    const known = { device: GALAXY, userAgent: 'One/1.0', address: nextAddress() };
    await appOf(stage, member, known);
    const changes = [{ device: TABLET }, { device: {} }, { userAgent: 'Two/1.0' }, { address: nextAddress() }];
    for (const [index, change] of changes.entries()) {
      await appOf(stage, member, known);
      assert.equal((await noticesTo(stage, member)).length, index);
      await appOf(stage, member, { ...known, ...change });
      assert.equal((await noticesTo(stage, member)).length, index + 1);
    }
  });

  it('again after thirty days, and from a client that shows a token of nobody’s', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member();
    const app = await appOf(stage, member, { device: GALAXY });
    stage.clock.advance({ days: 30, milliseconds: 1 });
    assertSignedIn(await app.signIn(member.email, PASSWORD, { client_token: app.clientToken }));
    assert.equal((await noticesTo(stage, member)).length, 1);

    const stranger = await stage.member();
    const strangers = await appOf(stage, stranger);
    for (const token of [strangers.clientToken, 'x'.repeat(43), '', 'x']) {
      const before = (await noticesTo(stage, member)).length;
      const other = stage.app();
      assertSignedIn(await other.signIn(member.email, PASSWORD, { client_token: token }));
      assert.notEqual(other.clientToken, token);
      assert.equal((await noticesTo(stage, member)).length, before + 1, token);
    }
  });
});

onEachDatabase('a fingerprint that was copied', (open) => {
  it('skips no second factor, and its sign-in is told of', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member({ factor: 'email' });
    const victim = stage.app({ device: GALAXY });
    await victim.signIn(member.email);
    assertSignedIn(await victim.verify(member.email, await stage.codeFor(member.email)));
    stage.clock.advance({ minutes: 2 });

    const thief = stage.app({ device: GALAXY });
    const due = await thief.signIn(member.email);
    const { challenge } = due.body;
    assert.deepEqual(due.body, {
      status: 202,
      two_factor_required: true,
      channel: 'email',
      challenge,
      message: 'Un code OTP de 6 chiffres a été envoyé.',
    });
    assertRefused(await thief.verify(member.email, '', { challenge }), 401, 'invalid_otp');
    assert.deepEqual(await noticesTo(stage, member), []);
    assertSignedIn(await thief.verify(member.email, await stage.codeFor(member.email), { challenge }));
    assert.equal((await noticesTo(stage, member)).length, 1);
  });

  it('is told of on an account without a second factor too, also with the victim’s user agent', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member();
    const userAgent = 'VictimsApp/7.1';
    await appOf(stage, member, { device: GALAXY, userAgent });
    await appOf(stage, member, { device: GALAXY, userAgent });
    assert.equal((await noticesTo(stage, member)).length, 1);
  });

  it('makes nobody a known client: behind a lock only what was handed out lets in', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member();
    const victim = await appOf(stage, member, { device: GALAXY });
    const thief = stage.app({ device: GALAXY });
    for (let count = 0; count < 10; count += 1) await thief.signIn(member.email, WRONG);
    assert.equal((await thief.signIn(member.email)).status, 423);
    assertSignedIn(await victim.signIn(member.email, PASSWORD, { client_token: victim.clientToken }));
  });
});
