import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { HandedSignIn } from '../../src/core/handed-sign-in.ts';
import type { Identity } from '../../src/core/identity.ts';
import { onEachDatabase, openStage, PASSWORD, race, type Stage, tally, WRONG } from '../support/stage.ts';
import { asCode, codeWrong } from './second-factors.ts';
import { openTwo } from './two-servers.ts';

const CALLERS = 50;
type Purpose = HandedSignIn['purpose'];
const PURPOSES: Purpose[] = ['magic_link', 'exchange'];

/** Has a link mailed and, for an exchange, presses its page's button. */
async function handOut(
  stage: Stage,
  email: string,
  purpose: Purpose,
  more: { codeChallenge?: string } = {},
): Promise<string> {
  const caller = stage.caller();
  await stage.identity.sendMagicLink({ contract: 'bearer', email, ...more, caller });
  const links = (await stage.mails(email)).flatMap((mail) => mail.links).map((link) => new URL(link));
  const token = links.find(({ pathname }) => pathname === '/magic-link')?.searchParams.get('token');
  assert.ok(token, `no link went to ${email}`);
  return purpose === 'magic_link' ? token : (await stage.identity.openMagicLink({ token, caller })).code;
}

const present = (
  stage: Stage,
  purpose: Purpose,
  of: Pick<HandedSignIn, 'challenge' | 'codeVerifier' | 'origin' | 'password' | 'secondFactor' | 'token'>,
  identity: Identity = stage.identity,
) => identity.signInHandedOver({ contract: 'bearer', purpose, ...of, caller: stage.caller() });

const rowsOf = (stage: Stage, table: 'pending_login' | 'session', id: number) =>
  stage.handle.read.selectFrom(table).selectAll().where('account_id', '=', id).execute();

onEachDatabase('of fifty who present it at once on two servers', (open) => {
  for (const purpose of PURPOSES) {
    it(`R055: one signs in with the token of ${purpose}`, async () => {
      const stage = await openTwo(open);
      const { email, id } = await stage.person();
      const token = await handOut(stage, email, purpose);
      const { lost, won } = await race(CALLERS, (index) => present(stage, purpose, { token }, stage.at(index)));
      assert.deepEqual([won.length, tally(lost)], [1, { token_invalid: 49 }]);
      assert.equal(won[0]?.outcome, 'signed_in');
      assert.equal((await rowsOf(stage, 'session', id)).length, 1);
      assert.equal(stage.repeats(), 0, 'transactions waited for each other');
    });

    it(`all are asked for one second factor after ${purpose}, in one sign-in that waits (rule 16)`, async () => {
      const stage = await openTwo(open);
      const who = await stage.somebody('totp');
      const token = await handOut(stage, who.email, purpose);
      const { lost, won } = await race(CALLERS, (index) => present(stage, purpose, { token }, stage.at(index)));
      assert.deepEqual(tally(lost), {});
      assert.equal(
        new Set(won.map((answer) => (answer.outcome === 'second_factor_due' ? answer.challenge : ''))).size,
        1,
      );
      assert.equal((await rowsOf(stage, 'pending_login', who.id)).length, 1);
      assert.equal((await rowsOf(stage, 'session', who.id)).length, 0);
    });

    it(`one completes it after ${purpose} with the right code, and five wrong ones are compared`, async () => {
      const stage = await openTwo(open);
      const who = await stage.somebody('totp');
      const one = await handOut(stage, who.email, purpose);
      await present(stage, purpose, { token: one });
      const proof = asCode(await stage.code(who));
      const right = await race(CALLERS, (index) =>
        present(stage, purpose, { token: one, secondFactor: proof }, stage.at(index)),
      );
      assert.equal(right.won.length, 1);
      assert.ok(
        right.lost.every((code) => ['token_invalid', 'code_wrong'].includes(code)),
        String(right.lost),
      );
      stage.clock.advance({ minutes: 1 });
      const two = await handOut(stage, who.email, purpose);
      await present(stage, purpose, { token: two });
      const wrong = await stage.wrong(who, CALLERS);
      const tries = await race(CALLERS, (index) =>
        present(stage, purpose, { token: two, secondFactor: asCode(wrong[index] ?? '') }, stage.at(index)),
      );
      assert.equal(tries.won.length, 0);
      assert.equal((await stage.counted(who)).codes, 5);
    });
  }

  it('one opens the page’s link, or signs in by its token', async () => {
    const stage = await openTwo(open);
    const { email } = await stage.person();
    const token = await handOut(stage, email, 'magic_link');
    const { lost, won } = await race(CALLERS, async (index) => {
      const identity = stage.at(index);
      if (index % 3 === 0) await present(stage, 'magic_link', { token }, identity);
      else await identity.openMagicLink({ token, caller: stage.caller() });
    });
    assert.deepEqual([won.length, tally(lost)], [1, { token_invalid: 49 }]);
  });

  it('one completes a mailed link with the password, where the factor is a code by e-mail', async () => {
    const stage = await openTwo(open);
    const who = await stage.somebody('email');
    const token = await handOut(stage, who.email, 'magic_link');
    const due = await present(stage, 'magic_link', { token });
    assert.deepEqual(
      [due.outcome, due.outcome === 'second_factor_due' && due.channel],
      ['second_factor_due', 'password'],
    );
    const { won } = await race(4, (index) =>
      present(stage, 'magic_link', { token, password: PASSWORD }, stage.at(index)),
    );
    assert.equal(won.length, 1);
    assert.equal((await rowsOf(stage, 'session', who.id)).length, 1);
  });
});

onEachDatabase('a sign-in that a mailed link or a redirect began', (open) => {
  for (const purpose of PURPOSES) {
    it(`waits in its own contract alone, after ${purpose} (rule 14)`, async () => {
      const stage = await openTwo(open);
      const who = await stage.somebody('totp');
      const token = await handOut(stage, who.email, purpose);
      const due = await present(stage, purpose, { token });
      assert.ok(due.outcome === 'second_factor_due');
      const proof = asCode(await stage.code(who));
      for (const contract of ['cookie', 'device'] as const) {
        await assert.rejects(stage.complete({ challenge: due.challenge }, proof, { contract }), codeWrong);
      }
      assert.equal((await present(stage, purpose, { token, secondFactor: proof })).outcome, 'signed_in');
    });

    it(`is one of three that wait for an account, after ${purpose}: the oldest goes`, async () => {
      const stage = await openTwo(open);
      const who = await stage.somebody('totp');
      const token = await handOut(stage, who.email, purpose);
      await present(stage, purpose, { token });
      for (let count = 0; count < 3; count += 1) {
        stage.clock.advance({ seconds: 1 });
        await stage.login(who);
      }
      await assert.rejects(present(stage, purpose, { token }), { code: 'token_invalid' });
      assert.equal((await rowsOf(stage, 'pending_login', who.id)).length, 3);
    });

    it(`names nothing in the database by which it could be completed, after ${purpose}`, async () => {
      const stage = await openTwo(open);
      const who = await stage.somebody('totp');
      const token = await handOut(stage, who.email, purpose);
      const due = await present(stage, purpose, { token });
      assert.ok(due.outcome === 'second_factor_due');
      const [row, ...others] = await rowsOf(stage, 'pending_login', who.id);
      assert.ok(row && others.length === 0);
      for (const secret of [token, due.challenge]) assert.ok(!JSON.stringify(row).includes(secret));
      const stolen = { challenge: (row as { digest: string }).digest, secondFactor: asCode(await stage.code(who)) };
      await assert.rejects(present(stage, purpose, stolen), { code: 'token_invalid' });
    });

    it(`leaves a token of ${purpose} as it is for whoever lacks the verifier`, async () => {
      const stage = await openTwo(open);
      const { email } = await stage.person();
      const codeVerifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
      const codeChallenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
      const token = await handOut(stage, email, purpose, { codeChallenge });
      const { won, lost } = await race(20, (index) =>
        present(stage, purpose, { token, ...(index % 2 && { codeVerifier: 'x'.repeat(43) }) }, stage.at(index)),
      );
      assert.deepEqual([won.length, tally(lost)], [0, { token_invalid: 20 }]);
      assert.equal((await present(stage, purpose, { token, codeVerifier })).outcome, 'signed_in');
    });

    it(`gives nobody a session after ${purpose} whom an operator locks at the same time`, async () => {
      const stage = await openTwo(open);
      const { email, id, uuid } = await stage.person();
      const token = await handOut(stage, email, purpose);
      await race(2, async (index) => {
        if (index === 0) await present(stage, purpose, { token }, stage.at(0));
        else await stage.at(1).lockAccount({ uuid });
      });
      assert.deepEqual(await rowsOf(stage, 'session', id), []);
      await assert.rejects(present(stage, purpose, { token }), { code: 'token_invalid' });
    });
  }

  it('is refused whoever guesses its password, ten times in a row, like at sign-in', async () => {
    const stage = await openTwo(open);
    const who = await stage.somebody('email');
    for (let round = 0; round < 2; round += 1) {
      const token = await handOut(stage, who.email, 'magic_link');
      for (let count = 0; count < 5; count += 1) {
        await assert.rejects(present(stage, 'magic_link', { token, password: WRONG }), { code: 'invalid_credentials' });
      }
      stage.clock.advance({ seconds: 1 });
    }
    await assert.rejects(stage.trySignIn(who.email), { code: 'account_locked' });
  });
});

it('is mailed to nobody past ten a day, whatever the purposes', async (t) => {
  const stage = await openStage(t);
  const { email } = await stage.person();
  for (let count = 0; count < 12; count += 1) {
    await stage.identity.sendMagicLink({ contract: 'bearer', email, caller: stage.caller() });
    await stage.mails();
    stage.clock.advance({ hours: 1 });
  }
  assert.equal((await stage.mails(email)).length, 10);
});
