import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createKeyring } from '../../src/core/keyring.ts';
import { days, hours } from '../../src/core/time.ts';
import { cleanExpired } from '../../src/store/clean.ts';
import { OTHER_PASSWORD, onEachDatabase, PASSWORD, type Stage } from '../support/stage.ts';
import { onDevice } from '../support/tokens.ts';
import { SECRET } from '../support/world.ts';
import {
  alarms,
  type Browser,
  ended,
  forgetful,
  openIn,
  rememberedBrowser,
  revived,
  SECRET_VALUE,
  sessionRows,
  signInBrowser,
  tokenRows,
  unspent,
} from './remembered-browsers.ts';

type Remembered = Awaited<ReturnType<typeof rememberedBrowser>>;

/** A browser at which nobody is signed in any more, whatever it has. */
async function assertForgotten(stage: Stage, browser: Browser): Promise<void> {
  await assert.rejects(openIn(stage, browser), ended);
  await assert.rejects(openIn(stage, forgetful(browser)), ended);
}

onEachDatabase('what a browser is remembered by', (open) => {
  it('R065, R085: is 256 bits of which a keyed digest alone is kept, for thirty days', async () => {
    const stage = await open();
    const { rememberToken = '', person } = await rememberedBrowser(stage);
    assert.match(rememberToken, SECRET_VALUE);
    const rows = await tokenRows(stage, person.id);
    assert.deepEqual(
      rows.map((row) => [row.digest, row.expires_at - stage.clock.now(), row.rotated_at]),
      [[stage.world.keyring.digest('refresh-token', rememberToken), days(30), null]],
    );
    const [session] = await sessionRows(stage, person.id);
    assert.equal(session?.expires_at, stage.clock.now() + days(30));
  });

  it('is not there unless it was asked for, and the session lives for two idle hours', async () => {
    const stage = await open();
    const person = await stage.person();
    const browser = await signInBrowser(stage, person.email, { remember: false });
    assert.deepEqual([browser.signedIn.rememberToken, await tokenRows(stage, person.id)], [null, []]);
    const [session] = await sessionRows(stage, person.id);
    assert.equal(session?.expires_at, stage.clock.now() + hours(2));
  });

  it('R077: opens the same session anew with another token and another value, and nothing else of it is new', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const [before] = await sessionRows(stage, browser.person.id);
    stage.clock.advance({ hours: 3 });
    const caller = stage.caller({ userAgent: 'Otter/2.0', address: '198.51.100.9' });
    const next = await revived(stage, { ...browser, caller });
    assert.notEqual(next.sessionToken, browser.sessionToken);
    assert.notEqual(next.rememberToken, browser.rememberToken);
    const [after, ...more] = await sessionRows(stage, browser.person.id);
    assert.deepEqual(
      [after, more],
      [
        {
          ...before,
          token_digest: stage.world.keyring.digest('session-token', next.sessionToken ?? ''),
          last_used_at: stage.clock.now(),
          address: '198.51.100.9',
          user_agent: 'Otter/2.0',
        },
        [],
      ],
    );
    assert.deepEqual(
      [next.live.account.id, next.live.session.id, next.live.session.lastUsedAt],
      [browser.person.id, before?.id, stage.clock.now()],
    );
  });

  it('R066: leaves the token from before dead', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const next = await revived(stage, browser);
    await assert.rejects(openIn(stage, { ...browser, rememberToken: undefined }), ended);
    const opened = await openIn(stage, next);
    assert.deepEqual([opened.sessionToken, opened.rememberToken], [next.sessionToken, null]);
  });

  it('R077: is spent when it is used, and only then', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    for (let time = 0; time < 5; time += 1) {
      stage.clock.advance({ minutes: 100 });
      const opened = await openIn(stage, browser);
      assert.deepEqual([opened.sessionToken, opened.rememberToken], [browser.sessionToken, null]);
    }
    assert.equal((await tokenRows(stage, browser.person.id)).length, 1);
    stage.clock.advance({ hours: 2 });
    await openIn(stage, browser);
    const rows = await tokenRows(stage, browser.person.id);
    assert.deepEqual(
      rows.map((row) => row.rotated_at),
      [stage.clock.now(), null],
    );
  });

  it('K36: opens a session that has proven neither the password nor the second factor', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const { live } = await openIn(stage, browser);
    await stage.identity.confirmPassword({ live, password: PASSWORD, caller: browser.caller });
    await stage.world.store.transaction(({ sessions }) =>
      sessions.markAuthenticated(live.session.id, {
        authenticatedAt: stage.clock.now(),
        factorProvenAt: stage.clock.now(),
      }),
    );
    const next = await revived(stage, browser);
    for (const { session } of [next.live, (await openIn(stage, next)).live]) {
      assert.deepEqual([session.passwordConfirmedAt, session.factorProvenAt], [null, null]);
      assert.throws(() => stage.identity.requireConfirmedPassword({ live: { ...live, session } }), {
        code: 'reauthentication_required',
      });
    }
  });

  it('K36: gives no token of a confirmed session its ten seconds', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const { live } = await openIn(stage, browser);
    await stage.identity.confirmPassword({ live, password: PASSWORD, caller: browser.caller });
    await revived(stage, browser);
    await assert.rejects(openIn(stage, { ...browser, rememberToken: undefined }), ended);
  });

  it('keeps the site that the session was moved to', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const sites = [];
    for (const name of ['Siège', 'Lyon']) {
      const site = await stage.identity.createSite({ name, isHeadquarters: false });
      await stage.identity.joinSite({ uuid: browser.person.uuid, siteId: site.id });
      sites.push(site.id);
    }
    const [headquarters = 0, lyon = 0] = sites;
    const { live } = await openIn(stage, browser);
    await stage.identity.chooseSite({ live, siteId: lyon, caller: browser.caller });
    // Another browser makes another site the account's default.
    const other = await openIn(stage, await signInBrowser(stage, browser.person.email));
    await stage.identity.chooseSite({ live: other.live, siteId: headquarters, caller: browser.caller });
    stage.clock.advance({ hours: 3 });
    const next = await revived(stage, browser);
    assert.equal(next.live.session.siteId, lyon);
    assert.equal((await openIn(stage, next)).live.session.siteId, lyon);
  });

  for (const seconds of [0, 10, 60]) {
    it(`R088, rule 26: opens the same for the same browser ${seconds} seconds later, with one and the same pair`, async () => {
      const stage = await open();
      const browser = await rememberedBrowser(stage);
      const first = await revived(stage, browser);
      stage.clock.advance({ seconds });
      const second = await revived(stage, browser);
      assert.deepEqual([second.sessionToken, second.rememberToken], [first.sessionToken, first.rememberToken]);
      assert.equal(await unspent(stage, browser.person.id), 1);
      await openIn(stage, first);
      assert.equal(await alarms(stage, browser.person.email), 0);
    });
  }

  it('rule 26: opens the newest for a tab that comes within ten seconds of a browser two steps ahead', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const second = await revived(stage, browser);
    stage.clock.advance({ seconds: 5 });
    const third = await revived(stage, second);
    stage.clock.advance({ seconds: 5 });
    const late = await revived(stage, browser);
    assert.deepEqual([late.sessionToken, late.rememberToken], [third.sessionToken, third.rememberToken]);
  });

  it('R086: ends the session and all it is remembered by when it comes back after sixty seconds', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const next = await revived(stage, browser);
    stage.clock.advance({ seconds: 60, milliseconds: 1 });
    await assert.rejects(openIn(stage, forgetful(browser)), ended);
    await assertForgotten(stage, next);
    assert.deepEqual(await sessionRows(stage, browser.person.id), []);
    assert.deepEqual(await tokenRows(stage, browser.person.id), []);
  });

  it('rule 26: ends them at once when another browser brings a spent one', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const next = await revived(stage, browser);
    const thief = { ...forgetful(browser), caller: stage.caller({ userAgent: 'Thief/1.0' }) };
    await assert.rejects(openIn(stage, thief), ended);
    await assertForgotten(stage, next);
    assert.equal(await alarms(stage, browser.person.email), 1);
  });

  it('R077: ends with the thief when the thief was first, and the owner is told once', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const thief = await revived(stage, { ...browser, caller: stage.caller({ userAgent: 'Thief/1.0' }) });
    await openIn(stage, thief);
    for (let time = 0; time < 3; time += 1) await assert.rejects(openIn(stage, browser), ended);
    await assertForgotten(stage, thief);
    const [mail, ...more] = await stage.mails(browser.person.email);
    assert.deepEqual([mail?.subject, more], ['We signed a device out of your account', []]);
    assert.deepEqual([mail?.links, mail?.code], [[], null]);
    assert.equal((await stage.recorded(browser.person.uuid)).filter((kind) => kind === 'session.replayed').length, 1);
  });

  it('R077: ends with the owner when the owner was first, and the owner is told once', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const owner = await revived(stage, browser);
    stage.clock.advance({ hours: 1 });
    const thief = { ...forgetful(browser), caller: stage.caller({ userAgent: 'Thief/1.0' }) };
    for (let time = 0; time < 3; time += 1) await assert.rejects(openIn(stage, thief), ended);
    await assertForgotten(stage, owner);
    assert.equal(await alarms(stage, browser.person.email), 1);
    assert.equal((await stage.recorded(browser.person.uuid)).filter((kind) => kind === 'session.replayed').length, 1);
  });

  for (const generations of [2, 3, 10]) {
    it(`R086: ends them when one comes back that is ${generations} generations old`, async () => {
      const stage = await open();
      const browser = await rememberedBrowser(stage);
      let next: Browser = browser;
      for (let time = 0; time < generations; time += 1) {
        stage.clock.advance({ hours: 3 });
        next = await revived(stage, next);
      }
      stage.clock.advance({ minutes: 2 });
      await assert.rejects(openIn(stage, forgetful(browser)), ended);
      await assertForgotten(stage, next);
      assert.equal(await alarms(stage, browser.person.email), 1);
    });
  }

  it('ends no other session of the account, remembered or not', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const { email } = browser.person;
    const other = await signInBrowser(stage, email);
    const cookie = await stage.signIn(email);
    await revived(stage, browser);
    stage.clock.advance({ minutes: 2 });
    await assert.rejects(openIn(stage, forgetful(browser)), ended);
    await openIn(stage, other);
    await revived(stage, other);
    await stage.live(cookie);
  });

  it('that is forged, cut, altered or none opens nothing and ends nothing', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const { rememberToken = '', sessionToken = '' } = browser;
    const last = rememberToken.at(-1) === 'A' ? 'E' : 'A';
    const wrong = [
      '',
      'x',
      rememberToken.slice(1),
      rememberToken.slice(0, -1),
      `${rememberToken}A`,
      `${rememberToken}=`,
      ` ${rememberToken}`,
      `${rememberToken.slice(0, -1)}${last}`,
      rememberToken.toLowerCase(),
      Buffer.from(rememberToken, 'base64url').toString('hex'),
      stage.world.keyring.digest('refresh-token', rememberToken),
      'A'.repeat(43),
      'A'.repeat(100_000),
      sessionToken,
      browser.person.uuid,
    ];
    for (const value of wrong) {
      await assert.rejects(openIn(stage, { ...forgetful(browser), rememberToken: value }), ended, value.slice(0, 99));
    }
    await openIn(stage, browser);
    assert.equal((await revived(stage, browser)).live.account.id, browser.person.id);
    assert.equal(await alarms(stage, browser.person.email), 0);
  });

  it('rule 27: is no other contract’s to give, and theirs go on', async () => {
    const stage = await open();
    const { caller, person } = await rememberedBrowser(stage);
    const cookie = await stage.signIn(person.email, { caller });
    const device = await onDevice(stage);
    const bearer = await stage.identity.signInWithPassword({
      contract: 'bearer',
      identifier: person.email,
      password: PASSWORD,
      caller,
      mustBeProven: 'as_set',
    });
    assert.ok(bearer.outcome === 'signed_in');
    const inBase64 = Buffer.from(device.refreshToken, 'hex').toString('base64url');
    const theirs = [cookie.refreshToken, cookie.accessToken, device.refreshToken, inBase64, bearer.sessionToken];
    for (const value of theirs) {
      for (const [sessionToken, rememberToken] of [
        [value, undefined],
        [undefined, value],
        [value, value],
      ]) {
        await assert.rejects(openIn(stage, { sessionToken, rememberToken, caller }), ended);
      }
    }
    await stage.refresh(cookie.refreshToken, caller);
    const { identity } = stage;
    await identity.rotateRefreshToken({ contract: 'device', refreshToken: device.refreshToken, caller });
    await identity.checkSessionToken({ contract: 'bearer', sessionToken: bearer.sessionToken, changes: true });
  });

  it('rule 27: refreshes nothing in another contract, and is not spent there', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const { caller, rememberToken = '', sessionToken = '' } = browser;
    for (const token of [rememberToken, sessionToken]) {
      for (const refreshToken of [token, Buffer.from(token, 'base64url').toString('hex')]) {
        for (const contract of ['cookie', 'device'] as const) {
          await assert.rejects(stage.identity.rotateRefreshToken({ contract, refreshToken, caller }), ended);
        }
      }
      const asked = { contract: 'bearer', sessionToken: token, changes: true } as const;
      await assert.rejects(stage.identity.checkSessionToken(asked), ended);
      for (const contract of ['bearer', 'cookie', 'device'] as const) {
        const credentials = { sessionToken: token, refreshToken: token, accessToken: token };
        assert.equal(await stage.identity.signOut({ contract, credentials, caller }), false);
      }
    }
    await openIn(stage, browser);
    await revived(stage, browser);
  });

  it('outlives the change of the secret that its digest was made with, by one', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const rotated = createKeyring(['kR7wQ2zVt5NxLc8pJm1BfYh4sDg6uE9i', SECRET]);
    const identity = stage.identityWith({ keyring: rotated });
    const next = await revived({ identity }, browser);
    await openIn({ identity }, next);
    const again = await revived({ identity }, browser);
    assert.deepEqual([again.sessionToken, again.rememberToken], [next.sessionToken, next.rememberToken]);
  });
});

onEachDatabase('a remembered browser', (open) => {
  it('R070, R087: is signed out thirty days after its sign-in whatever it does, to the millisecond', async () => {
    const stage = await open();
    const [busy, idle] = [await rememberedBrowser(stage), await rememberedBrowser(stage)];
    let next: Browser = busy;
    const end = stage.clock.now() + days(30);
    // Each day it works for five hours, and is then closed.
    for (let day = 0; day < 29; day += 1) {
      stage.clock.advance({ hours: 19 });
      next = await revived(stage, next);
      for (let hour = 0; hour < 5; hour += 1) {
        stage.clock.advance({ hours: 1 });
        assert.equal((await openIn(stage, next)).rememberToken, null);
      }
    }
    stage.clock.advance({ milliseconds: end - stage.clock.now() - 1 });
    const last = await revived(stage, next);
    assert.equal(last.live.session.expiresAt, end);
    const late = await revived(stage, idle);
    for (const browser of [last, late]) await openIn(stage, browser);
    stage.clock.advance({ milliseconds: 1 });
    for (const browser of [last, next, late, idle]) await assertForgotten(stage, browser);
    assert.equal(await alarms(stage, busy.person.email), 0);
  });

  it('R070: is signed out then in the middle of its work too', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const end = stage.clock.now() + days(30);
    while (stage.clock.now() + hours(1.75) < end) {
      stage.clock.advance({ minutes: 105 });
      await openIn(stage, browser);
    }
    stage.clock.advance({ milliseconds: end - stage.clock.now() - 1 });
    await openIn(stage, browser);
    stage.clock.advance({ milliseconds: 1 });
    await assertForgotten(stage, browser);
  });

  it('signs in four times in a hundred days of daily use, and leaves nothing behind', async () => {
    const stage = await open();
    const person = await stage.person();
    let browser: Browser = await signInBrowser(stage, person.email);
    let signIns = 1;
    let values = 0;
    for (let day = 1; day < 100; day += 1) {
      stage.clock.advance({ hours: 23, minutes: day % 59 });
      stage.clock.advance({ minutes: 60 - (day % 59) });
      try {
        browser = await revived(stage, browser);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'session_ended');
        browser = await signInBrowser(stage, person.email, { replaces: browser, caller: browser.caller });
        signIns += 1;
      }
      await openIn(stage, browser);
      await cleanExpired(stage.handle, stage.clock.now());
      assert.equal((await sessionRows(stage, person.id)).length, 1);
      values = Math.max(values, (await tokenRows(stage, person.id)).length);
      assert.equal(await unspent(stage, person.id), 1);
    }
    assert.equal(signIns, 4);
    assert.ok(values <= 30, String(values));
    assert.equal(await alarms(stage, person.email), 0);
    stage.clock.advance({ days: 30 });
    await cleanExpired(stage.handle, stage.clock.now());
    assert.deepEqual(await sessionRows(stage, person.id), []);
  });

  it('R165: is cleaned away when its thirty days are over, and one that is not remembered after two idle hours', async () => {
    const stage = await open();
    const person = await stage.person();
    const kept = await signInBrowser(stage, person.email);
    await signInBrowser(stage, person.email, { remember: false });
    stage.clock.advance({ hours: 2, milliseconds: -1 });
    await cleanExpired(stage.handle, stage.clock.now());
    assert.equal((await sessionRows(stage, person.id)).length, 2);
    stage.clock.advance({ milliseconds: 1 });
    await cleanExpired(stage.handle, stage.clock.now());
    assert.deepEqual(
      (await sessionRows(stage, person.id)).map(({ id }) => id),
      [kept.signedIn.session.id],
    );
    const next = await revived(stage, kept);
    stage.clock.advance({ days: 29 });
    await cleanExpired(stage.handle, stage.clock.now());
    // What is spent is kept with it: otherwise whoever stole it could not be told from a stranger.
    assert.equal((await tokenRows(stage, person.id)).length, 2);
    await revived(stage, next);
    stage.clock.advance({ days: 1 });
    await cleanExpired(stage.handle, stage.clock.now());
    assert.deepEqual(await sessionRows(stage, person.id), []);
    const left = await stage.handle.read
      .selectFrom('refresh_token')
      .select('digest')
      .where('session_id', '=', kept.signedIn.session.id)
      .execute();
    assert.deepEqual(left, []);
  });

  it('is one session in the list, that of its sign-in', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    let next: Browser = browser;
    for (let time = 0; time < 3; time += 1) {
      stage.clock.advance({ hours: 5 });
      next = await revived(stage, next);
    }
    stage.clock.advance({ hours: 5 });
    const cookie = await stage.live(await stage.signIn(browser.person.email));
    const listed = await stage.identity.listSessions(cookie);
    assert.deepEqual(listed.map(({ contract }) => contract).sort(), ['cookie', 'sanctum']);
    assert.ok(listed.some(({ id }) => id === browser.signedIn.session.id));
  });

  /** Whatever ends a browser's session and what it is remembered by. */
  const endings: Record<string, (stage: Stage, browser: Remembered) => Promise<unknown>> = {
    'a password change in another browser': async (stage, { person }) => {
      const { live } = await openIn(stage, await signInBrowser(stage, person.email, { remember: false }));
      const passwords = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD };
      await stage.identity.changePassword({ live, ...passwords, caller: stage.caller() });
    },
    'a password change in another contract': async (stage, { person }) => {
      const live = await stage.live(await stage.signIn(person.email));
      const passwords = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD };
      await stage.identity.changePassword({ live, ...passwords, caller: stage.caller() });
    },
    ...Object.fromEntries(
      (['sanctum', 'cookie', 'bearer', 'page'] as const).map((contract) => [
        `a reset by the link of ${contract === 'page' ? 'a hosted page' : `the ${contract} contract`}`,
        async (stage: Stage, { person }: Remembered) => {
          stage.clock.advance({ minutes: 2 });
          await stage.identity.startPasswordReset({ contract, email: person.email, caller: stage.caller() });
          const token = await stage.tokenFor(person.email);
          const input = { contract, token, password: OTHER_PASSWORD, caller: stage.caller() };
          await stage.identity.finishPasswordReset(input);
        },
      ]),
    ),
    'a reset by the code of the device contract': async (stage, { person }) => {
      const asked = { contract: 'device', identifier: person.email, caller: stage.caller() } as const;
      const { challenge } = await stage.identity.startPasswordResetByCode(asked);
      const code = (await stage.mails(person.email)).find((mail) => mail.code !== null)?.code ?? '';
      await stage.identity.finishPasswordResetByCode({ ...asked, challenge, code, password: OTHER_PASSWORD });
    },
    'an operator’s lock': (stage, { person }) => stage.identity.lockAccount({ uuid: person.uuid }),
    'an operator’s lock that was lifted since': async (stage, { person }) => {
      await stage.identity.lockAccount({ uuid: person.uuid });
      await stage.identity.unlockAccount({ uuid: person.uuid });
    },
    'a password that an operator sets': (stage, { person }) =>
      stage.identity.setPassword({ uuid: person.uuid, password: OTHER_PASSWORD }),
    'a second factor that an operator takes off': (stage, { person }) =>
      stage.identity.resetSecondFactor({ uuid: person.uuid }),
    'the deletion of the account': (stage, { person }) => stage.identity.deleteAccount({ uuid: person.uuid }),
    'a takeover by whoever proves the address': async (stage, { person }) => {
      await stage.handle.transaction((db) =>
        db.updateTable('identifier').set({ verified_at: null }).where('account_id', '=', person.id).execute(),
      );
      await stage.identity.sendMagicLink({ contract: 'bearer', email: person.email, caller: stage.caller() });
      const token = await stage.tokenFor(person.email);
      await stage.identity.openMagicLink({ token, caller: stage.caller() });
    },
    'signing out everywhere else': async (stage, { person }) => {
      const live = await stage.live(await stage.signIn(person.email));
      await stage.identity.endOtherSessions({ live, caller: stage.caller() });
    },
    'its end in the list of sessions': async (stage, { person, signedIn }) => {
      const live = await stage.live(await stage.signIn(person.email));
      await stage.identity.endSession({ live, id: signedIn.session.id, caller: stage.caller() });
    },
    'its own sign-out': (stage, { caller, rememberToken, sessionToken }) =>
      stage.identity.signOut({
        contract: 'sanctum',
        credentials: { sessionToken, refreshToken: rememberToken },
        caller,
      }),
    'its own sign-out by what it is remembered by alone': (stage, { caller, rememberToken }) =>
      stage.identity.signOut({ contract: 'sanctum', credentials: { refreshToken: rememberToken }, caller }),
    'the next sign-in in the same browser': (stage, browser) =>
      signInBrowser(stage, browser.person.email, { replaces: browser }),
    'the next sign-in of somebody else in the same browser': async (stage, browser) =>
      signInBrowser(stage, (await stage.person()).email, { replaces: browser, remember: false }),
    'the next sign-in in the same browser after it had been closed': (stage, browser) =>
      signInBrowser(stage, browser.person.email, { replaces: forgetful(browser) }),
    'the fifty-first session': async (stage, { person, signedIn }) => {
      const { session } = signedIn;
      const later = stage.clock.now() + 1000;
      await stage.world.store.transaction(async ({ sessions }) => {
        for (let count = 0; count < 49; count += 1) {
          const id = stage.world.random.uuid() as typeof session.id;
          await sessions.insert({ ...session, id, lastUsedAt: later, tokenDigest: `digest ${id}` });
        }
      });
      stage.clock.advance({ hours: 26 });
      await signInBrowser(stage, person.email);
    },
  };
  for (const [what, end] of Object.entries(endings)) {
    it(`rule 8: is forgotten with ${what}`, async () => {
      const stage = await open();
      const first = await rememberedBrowser(stage);
      const next = await revived(stage, first);
      const browser = { ...first, sessionToken: next.sessionToken, rememberToken: next.rememberToken };
      await openIn(stage, browser);
      await end(stage, browser);
      await assertForgotten(stage, browser);
      await assertForgotten(stage, first);
      assert.equal(await alarms(stage, first.person.email), 0);
    });
  }

  it('is forgotten with its own password change, and its session goes on by itself', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const { live } = await openIn(stage, browser);
    const passwords = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD };
    await stage.identity.changePassword({ live, ...passwords, caller: browser.caller });
    await openIn(stage, browser);
    assert.deepEqual(await tokenRows(stage, browser.person.id), []);
    await assert.rejects(openIn(stage, forgetful(browser)), ended);
    await openIn(stage, browser);
    stage.clock.advance({ hours: 2 });
    await assertForgotten(stage, browser);
    assert.deepEqual(await stage.identity.listSessions(live), []);
  });

  it('3.1: is forgotten when another browser of the account signs out, and its session goes on by itself', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const other = await signInBrowser(stage, browser.person.email, { remember: false });
    await stage.identity.signOut({
      contract: 'sanctum',
      credentials: { sessionToken: other.sessionToken },
      caller: other.caller,
    });
    await assert.rejects(openIn(stage, forgetful(browser)), ended);
    for (let time = 0; time < 3; time += 1) {
      await openIn(stage, browser);
      stage.clock.advance({ hours: 2, milliseconds: -1 });
    }
    await openIn(stage, browser);
    stage.clock.advance({ hours: 2 });
    await assertForgotten(stage, browser);
    assert.equal(await alarms(stage, browser.person.email), 0);
  });

  it('is not forgotten when somebody else signs out, nor when nobody does', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const stranger = await rememberedBrowser(stage);
    const { caller } = stranger;
    for (const credentials of [
      { sessionToken: stranger.sessionToken, refreshToken: stranger.rememberToken },
      { sessionToken: 'A'.repeat(43) },
      {},
    ]) {
      await stage.identity.signOut({ contract: 'sanctum', credentials, caller });
    }
    await revived(stage, browser);
  });
});
