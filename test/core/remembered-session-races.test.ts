import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Identity } from '../../src/core/identity.ts';
import { OTHER_PASSWORD, onEachDatabase, PASSWORD, race, type Stage, tally } from '../support/stage.ts';
import { type TwoServers, twoServers } from '../support/two-servers.ts';
import {
  alarms,
  type Browser,
  ended,
  forgetful,
  openIn,
  rememberedBrowser,
  sessionRows,
  signInBrowser,
  tokenRows,
  unspent,
} from './remembered-browsers.ts';

type TwoStages = Stage & TwoServers;
type Remembered = Awaited<ReturnType<typeof rememberedBrowser>>;

const ROUNDS = 20;
const FEW_ROUNDS = 8;
const FEW = 6;
const MANY = 50;

/** The same race, over and over: what goes wrong once in ten goes wrong here. */
async function rounds(stage: TwoStages, play: (round: number) => Promise<void>, count = ROUNDS): Promise<void> {
  for (let round = 0; round < count; round += 1) await play(round);
  assert.equal(stage.repeats(), 0, 'transactions waited for each other');
}

const on = (stage: TwoStages, index: number) => ({ identity: stage.at(index) });

async function assertNothingLeft(stage: TwoStages, browser: Remembered, more: Browser[] = []): Promise<void> {
  for (const each of [browser, ...more]) {
    for (const index of [0, 1]) {
      await assert.rejects(openIn(on(stage, index), each), ended);
      await assert.rejects(openIn(on(stage, index), forgetful(each)), ended);
    }
  }
}

onEachDatabase('of many requests of a remembered browser that come at once', (open) => {
  it('R085: all open the session with one and the same pair, on two servers, in each of twenty rounds', async () => {
    const stage = await twoServers(await open());
    const browser = await rememberedBrowser(stage);
    let present: Browser = browser;
    await rounds(stage, async (round) => {
      stage.clock.advance({ hours: 3 });
      const { lost, won } = await race(round === 0 ? MANY : FEW, (index) => openIn(on(stage, index), present));
      assert.deepEqual(lost, []);
      const pairs = new Set(won.map(({ rememberToken, sessionToken }) => `${sessionToken} ${rememberToken}`));
      assert.equal(pairs.size, 1);
      const [first] = won;
      assert.ok(first?.sessionToken && first.rememberToken);
      present = { ...browser, sessionToken: first.sessionToken, rememberToken: first.rememberToken };
      for (const index of [0, 1]) await openIn(on(stage, index), present);
      assert.equal(await unspent(stage, browser.person.id), 1);
      assert.equal((await tokenRows(stage, browser.person.id)).length, round + 2);
    });
    assert.equal((await sessionRows(stage, browser.person.id)).length, 1);
    assert.equal(await alarms(stage, browser.person.email), 0);
  });

  it('R085: there are never two values that live, whichever of three generations each comes with', async () => {
    const stage = await twoServers(await open());
    await rounds(stage, async () => {
      const { person, ...first } = await rememberedBrowser(stage);
      const generations: Browser[] = [first];
      for (let time = 0; time < 2; time += 1) {
        const last = forgetful(generations.at(-1) ?? assert.fail());
        const { rememberToken, sessionToken } = await openIn(stage, last);
        generations.push({ ...last, sessionToken: sessionToken ?? undefined, rememberToken: rememberToken ?? '' });
      }
      const { lost, won } = await race(FEW, (index) =>
        openIn(on(stage, index >> 1), forgetful(generations[index % 3] ?? assert.fail())),
      );
      assert.deepEqual(lost, []);
      assert.equal(await unspent(stage, person.id), 1);
      // The last answer that reaches the browser may be any of them: each holds what opens the session, now or next.
      for (const { rememberToken, sessionToken } of won) {
        const kept = { ...first, sessionToken: sessionToken ?? undefined, rememberToken: rememberToken ?? undefined };
        assert.equal((await openIn(stage, kept)).live.account.id, person.id);
      }
      assert.equal(await alarms(stage, person.email), 0);
    });
  });

  it('R077: nobody is left in the session when one of them is a thief, and the owner is told once', async () => {
    const stage = await twoServers(await open());
    await rounds(stage, async (round) => {
      const browser = await rememberedBrowser(stage);
      const thief = { ...browser, caller: stage.caller({ userAgent: 'Thief/1.0' }) };
      const { won } = await race(FEW, (index) =>
        openIn(on(stage, index >> 1), forgetful(index === round % FEW ? thief : browser)),
      );
      const held = won.flatMap(({ rememberToken, sessionToken }) =>
        [browser, thief].map(({ caller }) => ({
          caller,
          sessionToken: sessionToken ?? undefined,
          rememberToken: rememberToken ?? undefined,
        })),
      );
      await assertNothingLeft(stage, browser, held);
      assert.deepEqual(await tokenRows(stage, browser.person.id), []);
      assert.equal(await alarms(stage, browser.person.email), 1);
      assert.equal((await stage.recorded(browser.person.uuid)).filter((kind) => kind === 'session.replayed').length, 1);
    });
  });

  it('R086: the owner is told once of a spent value that comes many times', async () => {
    const stage = await twoServers(await open());
    await rounds(stage, async () => {
      const browser = await rememberedBrowser(stage);
      await openIn(stage, forgetful(browser));
      stage.clock.advance({ minutes: 2 });
      const { lost, won } = await race(FEW, (index) => openIn(on(stage, index), forgetful(browser)));
      assert.deepEqual([won, tally(lost)], [[], { session_ended: FEW }]);
      assert.equal(await alarms(stage, browser.person.email), 1);
    });
  });

  /** What ends it while it is being opened anew. */
  const endings: Record<string, (stage: TwoStages, browser: Remembered, identity: Identity) => Promise<unknown>> = {
    'it is signed out of': (_, { caller, rememberToken, sessionToken }, identity) =>
      identity.signOut({ contract: 'sanctum', credentials: { sessionToken, refreshToken: rememberToken }, caller }),
    'an operator locks the account': (_, { person }, identity) => identity.lockAccount({ uuid: person.uuid }),
    'an operator sets the password': (_, { person }, identity) =>
      identity.setPassword({ uuid: person.uuid, password: OTHER_PASSWORD }),
    'the account is deleted': (_, { person }, identity) => identity.deleteAccount({ uuid: person.uuid }),
    'it is ended in the list of sessions': async (stage, { person, signedIn }, identity) => {
      const live = await stage.live(await stage.signIn(person.email));
      await identity.endSession({ live, id: signedIn.session.id, caller: stage.caller() });
    },
    'all others are signed out': async (stage, { person }, identity) => {
      const live = await stage.live(await stage.signIn(person.email));
      await identity.endOtherSessions({ live, caller: stage.caller() });
    },
    'the password is changed elsewhere': async (stage, { person }, identity) => {
      const live = await stage.live(await stage.signIn(person.email));
      const passwords = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD };
      await identity.changePassword({ live, ...passwords, caller: stage.caller() });
    },
    'somebody signs in in the same browser': (stage, browser, identity) =>
      signInBrowser(stage, browser.person.email, { identity, replaces: browser, remember: false }),
  };
  for (const [what, end] of Object.entries(endings)) {
    it(`rule 8: none brings it back when ${what} meanwhile`, async () => {
      const stage = await twoServers(await open());
      await rounds(
        stage,
        async (round) => {
          const browser = await rememberedBrowser(stage);
          stage.clock.advance({ hours: 3 });
          const { lost, won } = await race(FEW, async (index) => {
            if (index === round % FEW) await end(stage, browser, stage.at(index));
            else return openIn(on(stage, index), browser);
            return undefined;
          });
          assert.ok(
            lost.every((code) => code === 'session_ended'),
            JSON.stringify(tally(lost)),
          );
          const held = won.flatMap((opened) =>
            opened === undefined
              ? []
              : [
                  {
                    caller: browser.caller,
                    sessionToken: opened.sessionToken ?? undefined,
                    rememberToken: opened.rememberToken ?? undefined,
                  },
                ],
          );
          await assertNothingLeft(stage, browser, held);
          assert.equal(await alarms(stage, browser.person.email), 0);
        },
        FEW_ROUNDS,
      );
    });
  }

  it('3.1: none stays remembered when another browser of the account signs out meanwhile', async () => {
    const stage = await twoServers(await open());
    await rounds(stage, async (round) => {
      const browser = await rememberedBrowser(stage);
      const other = await signInBrowser(stage, browser.person.email);
      stage.clock.advance({ hours: 1 });
      const { lost, won } = await race(FEW, async (index) => {
        if (index !== round % FEW) return openIn(on(stage, index), forgetful(browser));
        const credentials = { sessionToken: other.sessionToken, refreshToken: other.rememberToken };
        await stage.at(index).signOut({ contract: 'sanctum', credentials, caller: other.caller });
        return undefined;
      });
      assert.ok(
        lost.every((code) => code === 'session_ended'),
        JSON.stringify(tally(lost)),
      );
      const held = won.flatMap((opened) =>
        opened?.rememberToken
          ? [{ caller: browser.caller, sessionToken: undefined, rememberToken: opened.rememberToken }]
          : [],
      );
      for (const each of [browser, ...held]) await assert.rejects(openIn(stage, forgetful(each)), ended);
      assert.deepEqual(await tokenRows(stage, browser.person.id), []);
      stage.clock.advance({ hours: 2 });
      await assertNothingLeft(stage, browser, held);
      assert.equal(await alarms(stage, browser.person.email), 0);
    });
  });

  it('none stays remembered when the session’s own password is changed meanwhile, and the session goes on or is over', async () => {
    const stage = await twoServers(await open());
    await rounds(stage, async (round) => {
      const browser = await rememberedBrowser(stage);
      const { live } = await openIn(stage, browser);
      const { lost, won } = await race(FEW, async (index) => {
        if (index !== round % FEW) return openIn(on(stage, index), forgetful(browser));
        const passwords = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD };
        await stage.at(index).changePassword({ live, ...passwords, caller: browser.caller });
        return undefined;
      });
      assert.ok(
        lost.every((code) => code === 'session_ended'),
        JSON.stringify(tally(lost)),
      );
      const held = won.flatMap((opened) =>
        opened?.rememberToken
          ? [{ caller: browser.caller, sessionToken: undefined, rememberToken: opened.rememberToken }]
          : [],
      );
      for (const each of [browser, ...held]) await assert.rejects(openIn(stage, forgetful(each)), ended);
      assert.deepEqual(await tokenRows(stage, browser.person.id), []);
      assert.equal((await sessionRows(stage, browser.person.id)).length, 1);
      stage.clock.advance({ hours: 2 });
      await assertNothingLeft(stage, browser, held);
    });
  });

  it('none is left remembered when two browsers sign out at once', async () => {
    const stage = await twoServers(await open());
    await rounds(stage, async () => {
      const first = await rememberedBrowser(stage);
      const browsers: Browser[] = [first];
      for (let count = 1; count < FEW; count += 1) browsers.push(await signInBrowser(stage, first.person.email));
      const { lost } = await race(FEW, (index) => {
        const { caller, rememberToken, sessionToken } = browsers[index] ?? assert.fail();
        const credentials = { sessionToken, refreshToken: rememberToken };
        return stage.at(index).signOut({ contract: 'sanctum', credentials, caller });
      });
      assert.deepEqual(lost, []);
      assert.deepEqual(await sessionRows(stage, first.person.id), []);
    });
  });

  it('rule 30: one confirmation gives the session another token, which opens it, and the others tell of none', async () => {
    const stage = await twoServers(await open());
    await rounds(stage, async () => {
      const browser = await rememberedBrowser(stage);
      const { live } = await openIn(stage, browser);
      const { lost, won } = await race(FEW, (index) =>
        stage.at(index).confirmPassword({ live, password: PASSWORD, caller: browser.caller }),
      );
      assert.deepEqual(lost, []);
      const tokens = won.flatMap((answer) =>
        answer.outcome === 'confirmed' && answer.sessionToken !== null ? [answer.sessionToken] : [],
      );
      assert.equal(tokens.length, 1);
      stage.clock.advance({ seconds: 11 });
      const next = { ...browser, sessionToken: tokens[0], rememberToken: undefined };
      for (const index of [0, 1]) await openIn(on(stage, index), next);
      assert.equal(await unspent(stage, browser.person.id), 1);
    });
  });

  it('none revives a session by its own token that another signs out of', async () => {
    const stage = await twoServers(await open());
    await rounds(stage, async (round) => {
      const browser = await rememberedBrowser(stage);
      // Each use is noted again after a minute.
      stage.clock.advance({ minutes: 2 });
      const { lost } = await race(FEW, async (index) => {
        if (index !== round % FEW) return openIn(on(stage, index), { ...browser, rememberToken: undefined });
        const credentials = { sessionToken: browser.sessionToken };
        await stage.at(index).signOut({ contract: 'sanctum', credentials, caller: browser.caller });
        return undefined;
      });
      assert.ok(
        lost.every((code) => code === 'session_ended'),
        JSON.stringify(tally(lost)),
      );
      await assertNothingLeft(stage, browser);
    });
  });

  it('each signs in for itself, and the session that they take the place of is over', async () => {
    const stage = await twoServers(await open());
    await rounds(stage, async () => {
      const browser = await rememberedBrowser(stage);
      const { lost } = await race(FEW, (index) =>
        signInBrowser(stage, browser.person.email, { identity: stage.at(index), replaces: browser }),
      );
      assert.deepEqual(lost, []);
      await assertNothingLeft(stage, browser);
      assert.equal((await sessionRows(stage, browser.person.id)).length, FEW);
    });
  });
});
