import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createKeyring } from '../../src/core/keyring.ts';
import type { SetUpLink } from '../../src/core/set-up-link.ts';
import { OTHER_PASSWORD, onEachDatabase, PASSWORD, type Stage, tally } from '../support/stage.ts';
import { SECRET } from '../support/world.ts';

type FormLink = Exclude<SetUpLink, { token: string }>;
type Invited = Awaited<ReturnType<typeof invite>>;

async function invite(stage: Stage, of: { verified?: boolean; firstName?: string } = {}) {
  const email = stage.address();
  const account = await stage.identity.createAccount({ email, ...of });
  return { ...account, email, ...(await linksOf(stage, email)) };
}

/** The newest link, as the page's and as the application's: the mail's own facts say both. */
async function linksOf(stage: Stage, email: string): Promise<{ page: { token: string }; form: FormLink }> {
  const token = await stage.tokenFor(email);
  const account = await stage.identity.findAccount({ name: email });
  const { digest } = stage.world.keyring;
  const [row] = await stage.handle.read
    .selectFrom('one_time_token')
    .selectAll()
    .where('digest', '=', digest('one-time-token', token))
    .execute();
  const hash = Buffer.from(digest('set-up-account', JSON.stringify([account.id, email])), 'base64url').toString('hex');
  const signature = Buffer.from(token, 'base64url').toString('hex');
  return {
    page: { token },
    form: { id: account.id, hash, expires: Math.floor(Number(row?.expires_at) / 1000), signature },
  };
}

const look = (stage: Stage, link: SetUpLink) => stage.identity.lookAtSetUp(link);
const outcomeOf = async (stage: Stage, link: SetUpLink): Promise<string> => (await look(stage, link)).outcome;
const finish = (stage: Stage, link: SetUpLink, password = OTHER_PASSWORD, identity = stage.identity) =>
  identity.finishSetUp({ link, password, contract: 'page', caller: stage.caller() });
const resend = (stage: Stage, email: string, caller = stage.caller()) =>
  stage.identity.resendSetUp({ email, contract: 'page', caller });
const change = <T>(stage: Stage, work: Parameters<Stage['world']['store']['transaction']>[0]) =>
  stage.world.store.transaction(work) as Promise<T>;
const each = ({ form, page }: Invited): SetUpLink[] => [page, form];

/** The same text with one hex digit another one. */
const altered = (hex: string, at: number): string =>
  `${hex.slice(0, at)}${hex[at] === '0' ? '1' : '0'}${hex.slice(at + 1)}`;

onEachDatabase('an account that an operator makes without a password', (open) => {
  it('is mailed a link to set one up, verified or not, and nothing else', async () => {
    const stage = await open();
    for (const verified of [false, true]) {
      const { email, invited } = await invite(stage, { verified });
      const mails = await stage.mails(email);
      assert.equal(invited, true);
      assert.deepEqual(
        mails.map(({ links }) => links.map((link) => new URL(link).pathname.split('/')[1])),
        [['setup-password']],
      );
    }
    const { email, invited } = await stage.identity.createAccount({ email: stage.address(), password: PASSWORD });
    assert.equal(invited, false);
    assert.match((await stage.mails(email ?? ''))[0]?.links[0] ?? '', /\/verify-email\?/);
  });

  it('is invited whatever strangers have asked for at its address, and again once a minute', async () => {
    const stage = await open();
    const email = stage.address();
    for (let count = 0; count < 6; count += 1) await resend(stage, email);
    const { invited, uuid } = await stage.identity.createAccount({ email });
    assert.deepEqual([invited, (await stage.mails(email)).length], [true, 1]);
    assert.equal((await stage.identity.inviteAgain({ uuid })).outcome, 'limited');
    stage.clock.advance({ minutes: 1 });
    assert.equal((await stage.identity.inviteAgain({ uuid })).outcome, 'mailed');
    assert.equal((await stage.mails(email)).length, 2);
  });
});

onEachDatabase('setting up a password', (open) => {
  it('works with either form of the link, proves the address and lets its owner in', async () => {
    const stage = await open();
    for (const form of ['page', 'form'] as const) {
      const person = await invite(stage, { firstName: 'Ada' });
      const seen = await look(stage, person[form]);
      assert.ok(seen.outcome === 'valid');
      assert.deepEqual([seen.account.id, seen.account.email], [person.id, person.email]);
      const done = await finish(stage, person[form]);
      assert.ok(done.outcome === 'set_up');
      assert.deepEqual([done.account.emailVerifiedAt, done.account.name], [stage.clock.now(), 'Ada']);
      assert.ok(done.account.epoch > person.epoch);
      await stage.signIn(person.email, { password: OTHER_PASSWORD });
      assert.deepEqual((await stage.recorded(person.uuid)).slice(0, 3), [
        'account.created',
        'email.verified',
        'password.set_up',
      ]);
    }
  });

  it('consumes nothing by a look, and needs no mail of the second sort', async () => {
    const stage = await open();
    const person = await invite(stage);
    for (let times = 0; times < 5; times += 1) {
      for (const link of each(person)) assert.equal(await outcomeOf(stage, link), 'valid');
    }
    await finish(stage, person.form);
    // Whoever never signed in has nothing to be told of.
    assert.equal((await stage.mails(person.email)).length, 1);
  });

  it('tells an owner who had been in without a password', async () => {
    const stage = await open();
    const { email, form, id } = await invite(stage, { verified: true });
    await change(stage, ({ accounts }) => accounts.recordSignIn(id, { at: stage.clock.now(), address: null }));
    stage.clock.advance({ seconds: 1 });
    await finish(stage, form);
    const [newest] = await stage.mails(email);
    assert.match(newest?.subject ?? '', /password/i);
    assert.deepEqual([newest?.links, newest?.code], [[], null]);
  });

  it('refuses a used link: it is done, to those who can show whose it was', async () => {
    const stage = await open();
    const person = await invite(stage);
    await finish(stage, person.form);
    assert.deepEqual(await look(stage, person.form), { outcome: 'done' });
    assert.deepEqual(await finish(stage, person.form), { outcome: 'done' });
    assert.deepEqual(await finish(stage, person.page), { outcome: 'expired' });
    await assert.rejects(stage.trySignIn(person.email, { password: PASSWORD }), { code: 'invalid_credentials' });
  });

  it('answers an unknown account, one without an address and a wrong hash alike', async () => {
    const stage = await open();
    const { form, id } = await invite(stage);
    const other = await invite(stage);
    const hostile: FormLink[] = [
      { ...form, hash: altered(form.hash, 0) },
      { ...form, hash: altered(form.hash, 63) },
      { ...form, hash: other.form.hash },
      { ...form, hash: form.hash.toUpperCase().replaceAll(/\d/g, 'A') },
      { ...form, hash: form.hash.slice(0, 62) },
      { ...form, hash: `${form.hash}00` },
      { ...form, hash: '' },
      { ...form, id: other.id },
      { ...form, id: id + 1_000_000 },
      ...[0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 2 ** 63, 1e300].map((id) => ({ ...form, id })),
    ];
    for (const link of hostile) {
      assert.deepEqual(await look(stage, link), { outcome: 'unknown' }, JSON.stringify(link));
      assert.deepEqual(await finish(stage, link), { outcome: 'unknown' });
    }
    const done = await invite(stage);
    await finish(stage, done.form);
    assert.deepEqual(await look(stage, { ...done.form, hash: form.hash }), { outcome: 'unknown' });
  });

  it('takes a link whose secret or time was altered for one that ran out', async () => {
    const stage = await open();
    const { form, page } = await invite(stage);
    const other = await invite(stage);
    const hostile: SetUpLink[] = [
      // Every byte counts: those that are drawn, and those that vouch for them.
      ...Array.from({ length: 64 }, (_, at) => ({ ...form, signature: altered(form.signature, at) })),
      { ...form, signature: form.signature.toUpperCase().replaceAll(/\d/g, 'A') },
      { ...form, signature: form.signature.slice(0, 62) },
      { ...form, signature: `${form.signature}00` },
      { ...form, signature: '' },
      { ...form, signature: '0'.repeat(64) },
      { ...form, signature: other.form.signature },
      { ...form, expires: form.expires + 1 },
      { ...form, expires: form.expires - 1 },
      { ...form, expires: form.expires + 86_400 },
      { ...form, expires: Number.NaN },
      { ...form, expires: Number.POSITIVE_INFINITY },
      { token: '' },
      { token: 'A'.repeat(43) },
      { token: form.signature },
      { token: `${page.token}A` },
    ];
    for (const link of hostile) {
      assert.deepEqual(await look(stage, link), { outcome: 'expired' }, JSON.stringify(link));
      assert.deepEqual(await finish(stage, link), { outcome: 'expired' });
    }
    assert.equal(await outcomeOf(stage, form), 'valid');
  });

  it('needs its row beside its secret', async () => {
    const stage = await open();
    const { form, id } = await invite(stage);
    await change(stage, ({ oneTimeTokens }) => oneTimeTokens.removeAll(id));
    assert.deepEqual(await look(stage, form), { outcome: 'expired' });
  });

  it('takes the link for a day, to the second', async () => {
    const stage = await open();
    const person = await invite(stage);
    stage.clock.advance({ hours: 23, minutes: 59, seconds: 59 });
    for (const link of each(person)) assert.equal(await outcomeOf(stage, link), 'valid');
    stage.clock.advance({ seconds: 1 });
    for (const link of each(person)) assert.deepEqual(await look(stage, link), { outcome: 'expired' });
    for (const link of each(person)) assert.deepEqual(await finish(stage, link), { outcome: 'expired' });
    // Once it ran out nothing is told of what became of the account.
    await stage.identity.setPassword({ uuid: person.uuid, password: PASSWORD });
    assert.deepEqual(await look(stage, person.form), { outcome: 'expired' });
  });

  it('keeps the link usable when the password is refused', async () => {
    const stage = await open();
    const person = await invite(stage);
    for (const password of ['short', 'password123', person.email]) {
      await assert.rejects(finish(stage, person.form, password), { code: 'password_rejected' });
    }
    assert.equal((await finish(stage, person.page)).outcome, 'set_up');
  });

  it('costs no hash for a dead link', async () => {
    const stage = await open();
    const person = await invite(stage);
    await finish(stage, person.form);
    const identity = stage.identityWith({
      hasher: { ...stage.world.hasher, hash: async () => assert.fail('it hashed') },
    });
    const dead: SetUpLink[] = [person.page, person.form, { ...person.form, id: 0 }, { ...person.form, expires: 1 }];
    for (const link of dead) await finish(stage, link, OTHER_PASSWORD, identity);
  });

  it('ends with the lock by an operator, a moved epoch, another address, deletion and an operator’s password', async () => {
    const stage = await open();
    const now = stage.clock.now();
    const ends: [outcome: string, end: (person: Invited) => Promise<unknown>][] = [
      ['expired', ({ uuid }) => stage.identity.lockAccount({ uuid })],
      ['expired', ({ id }) => change(stage, ({ accounts }) => accounts.setDisabled(id, now, now))],
      ['expired', ({ id }) => change(stage, ({ accounts }) => accounts.moveEpoch(id, now))],
      [
        'unknown',
        ({ id }) =>
          change(stage, async ({ accounts, identifiers }) => {
            await identifiers.replace({ accountId: id, kind: 'email', value: stage.address(), verifiedAt: now });
            await accounts.moveEpoch(id, now);
          }),
      ],
      ['unknown', ({ uuid }) => stage.identity.deleteAccount({ uuid })],
      ['done', ({ uuid }) => stage.identity.setPassword({ uuid, password: PASSWORD })],
    ];
    for (const [outcome, end] of ends) {
      const person = await invite(stage);
      await end(person);
      assert.deepEqual(await look(stage, person.form), { outcome });
      assert.deepEqual(await finish(stage, person.form), { outcome });
      assert.deepEqual(await finish(stage, person.page), { outcome: 'expired' });
    }
    const locked = await invite(stage);
    await stage.identity.lockAccount({ uuid: locked.uuid });
    await stage.identity.unlockAccount({ uuid: locked.uuid });
    assert.deepEqual(await look(stage, locked.form), { outcome: 'expired' });
  });

  it('loses to what overtakes it while the password is hashed', async () => {
    const stage = await open();
    const overtakers: [outcome: string, overtake: (person: Invited) => Promise<unknown>][] = [
      ['expired', ({ uuid }) => stage.identity.lockAccount({ uuid })],
      ['unknown', ({ uuid }) => stage.identity.deleteAccount({ uuid })],
      ['done', ({ form }) => finish(stage, form, 'copper lantern quarry')],
      ['done', ({ page }) => finish(stage, page, 'copper lantern quarry')],
    ];
    for (const [outcome, overtake] of overtakers) {
      for (const form of ['page', 'form'] as const) {
        const person = await invite(stage);
        const hasher = {
          ...stage.world.hasher,
          hash: async (password: string) => {
            await overtake(person);
            return stage.world.hasher.hash(password);
          },
        };
        assert.deepEqual(await finish(stage, person[form], OTHER_PASSWORD, stage.identityWith({ hasher })), {
          outcome,
        });
      }
    }
  });

  it('is done by exactly one of twenty at once', async () => {
    const stage = await open();
    const person = await invite(stage);
    const links = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? person.form : person.page));
    const answers = await Promise.all(
      links.map(async (link, index) => (await finish(stage, link, `${OTHER_PASSWORD} ${index}`)).outcome),
    );
    const { set_up, ...others } = tally(answers);
    assert.equal(set_up, 1, JSON.stringify(answers));
    assert.ok(Object.keys(others).every((outcome) => outcome === 'done' || outcome === 'expired'));
    const winner = answers.indexOf('set_up');
    await stage.signIn(person.email, { password: `${OTHER_PASSWORD} ${winner}` });
  });

  it('ends what was begun before, and lifts the lock', async () => {
    const stage = await open();
    const { email, form, id } = await invite(stage, { verified: true });
    await stage.identity.sendMagicLink({ contract: 'bearer', email, caller: stage.caller() });
    const magic = await stage.tokenFor(email);
    await stage.lock(email);
    await finish(stage, form);
    await stage.signIn(email, { password: OTHER_PASSWORD });
    await assert.rejects(stage.identity.lookAtMagicLink({ token: magic }), { code: 'token_invalid' });
    for (const table of ['pending_login', 'delivered_code'] as const) {
      assert.deepEqual(
        await stage.handle.read.selectFrom(table).selectAll().where('account_id', '=', id).execute(),
        [],
      );
    }
  });

  it('leaves nothing of what somebody planted at an address they never proved (rule 7)', async () => {
    const stage = await open();
    const email = stage.address('owner');
    const now = stage.clock.now();
    // As a provider founds it that may not speak for the address.
    const id = await change<Invited['id']>(stage, async ({ accounts, identifiers, linkedIdentities }) => {
      const accountId = await accounts.create({
        uuid: stage.world.random.uuid(),
        name: 'Mallory',
        image: null,
        firstName: 'Mallory',
        lastName: '',
        username: email,
        locale: 'en',
        createdAt: now,
        createdFrom: { address: '198.51.100.9', userAgent: null },
      });
      await identifiers.add({ accountId, kind: 'email', value: email, verifiedAt: null, now });
      const identity = { provider: 'acme', subject: email, accountId, email, createdAt: now, lastUsedAt: now };
      await linkedIdentities.add(identity);
      return accountId;
    });
    await resend(stage, email);
    const { form } = await linksOf(stage, email);
    const done = await finish(stage, form);
    assert.ok(done.outcome === 'set_up');
    assert.deepEqual([done.account.name, done.account.emailVerifiedAt], [null, now]);
    assert.deepEqual(await stage.world.store.linkedIdentities.list(id), []);
    assert.ok((await stage.recorded(done.account.uuid)).includes('account.taken_over'));
    await stage.signIn(email, { password: OTHER_PASSWORD });
  });

  it('goes on while the server’s secret is rotated', async () => {
    const stage = await open();
    const person = await invite(stage);
    const next = 'q8Wn3ZxL5rTb7VyKc2Hm9PdJf4Gs6EuA';
    const rotated = stage.identityWith({ keyring: createKeyring([next, SECRET]) });
    for (const link of each(person)) assert.equal((await rotated.lookAtSetUp(link)).outcome, 'valid');
    const dropped = stage.identityWith({ keyring: createKeyring([next]) });
    assert.deepEqual(await dropped.lookAtSetUp(person.form), { outcome: 'unknown' });
    assert.equal((await finish(stage, person.form, OTHER_PASSWORD, rotated)).outcome, 'set_up');
  });

  it('keeps neither the secret nor what it is made of in any row, nor the address in the link', async () => {
    const stage = await open();
    const { email, form, page } = await invite(stage);
    await stage.mails();
    for (const table of ['one_time_token', 'outbox', 'mailbox_message', 'audit_event', 'audit_detail'] as const) {
      const rows = JSON.stringify(await stage.handle.read.selectFrom(table).selectAll().execute());
      for (const secret of [
        page.token,
        form.signature,
        form.signature.slice(0, 32),
        form.signature.slice(32),
        form.hash,
      ]) {
        assert.ok(!rows.includes(secret), table);
        assert.ok(!rows.includes(Buffer.from(secret, 'hex').toString('base64url')) || secret === page.token, table);
      }
    }
    assert.ok(!JSON.stringify(form).includes(email));
  });
});

onEachDatabase('asking for another set-up link', (open) => {
  it('mails one, and the newest three work', async () => {
    const stage = await open();
    const person = await invite(stage);
    const links = [person.form];
    for (let time = 0; time < 3; time += 1) {
      stage.clock.advance({ minutes: 1 });
      await resend(stage, ` ${person.email.toUpperCase()} `);
      links.push((await linksOf(stage, person.email)).form);
    }
    const outcomes = [];
    for (const link of links) outcomes.push(await outcomeOf(stage, link));
    assert.deepEqual(outcomes, ['expired', 'valid', 'valid', 'valid']);
    await finish(stage, links[1] as FormLink);
    for (const link of links.slice(1)) assert.equal(await outcomeOf(stage, link), 'done');
    assert.equal((await stage.recorded(person.uuid))[1], 'password.set_up_requested');
  });

  it('mails nothing to whoever has a password, is locked or unknown, and says nothing of it', async () => {
    const stage = await open();
    const [{ email: known }, locked, stranger] = [await stage.person(), await invite(stage), stage.address()];
    await stage.identity.lockAccount({ uuid: locked.uuid });
    stage.clock.advance({ minutes: 1 });
    for (const email of [known, locked.email, stranger, 'no address', '']) {
      assert.equal(await resend(stage, email), undefined);
    }
    assert.deepEqual([await stage.mails(known), await stage.mails(stranger)], [[], []]);
    assert.equal((await stage.mails(locked.email)).length, 1);
  });

  it('mails at most once a minute and five times an hour, silently', async () => {
    const stage = await open();
    const { email } = await invite(stage);
    const counts: number[] = [];
    for (let minute = 0; minute < 7; minute += 1) {
      for (let time = 0; time < 3; time += 1) await resend(stage, email);
      counts.push((await stage.mails(email)).length);
      stage.clock.advance({ minutes: 1 });
    }
    assert.deepEqual(counts, [1, 2, 3, 4, 5, 5, 5]);
  });

  it('is bounded for one network, whatever is named', async () => {
    const stage = await open();
    const caller = stage.caller();
    for (let time = 0; time < 20; time += 1) await resend(stage, stage.address(), caller);
    await assert.rejects(resend(stage, stage.address(), caller), { code: 'rate_limited' });
  });
});
