import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MailboxMessage } from '../../../src/delivery/mailbox.ts';
import { hasPostgres } from '../../support/databases.ts';
import { accountIn, assertRefused, assertSignedIn } from './answers.ts';
import { type OpenedClient, OTHER_PASSWORD, openClient, PASSWORD, WRONG } from './client.ts';

/** What a message is, by its subject or the text of an SMS, and what it carries. */
const KINDS: readonly [kind: string, carries: 'code' | 'link' | 'nothing', form: RegExp][] = [
  ['confirmation code', 'code', /^Votre code de confirmation$|: le code pour confirmer votre compte Guichet,/],
  ['change code', 'code', /^Confirmez votre nouvelle adresse|: le code pour ajouter ce numéro à un compte Guichet,/],
  ['sign-in code', 'code', /^Votre code de connexion$|: votre code de connexion Guichet,/],
  ['factor code', 'code', /^Activez la connexion en deux|: le code pour activer la double vérification Guichet,/],
  ['reset code', 'code', /^Votre code pour changer de mot de passe$|: le code pour changer de mot de passe Guichet,/],
  ['locked', 'link', /^Trop de mots de passe erronés sur votre compte$/],
  ['new device', 'nothing', /^Une connexion depuis un nouvel appareil$/],
  ['phone change asked', 'nothing', /^Changement de numéro de téléphone demandé$|^Quelqu'un veut changer le numéro/],
  ['email change asked', 'nothing', /^Changement d’adresse e-mail demandé$|^Quelqu'un veut changer l'adresse e-mail/],
  ['phone changed', 'nothing', /^Votre numéro de téléphone a été changé$|^Le numéro de votre compte Guichet/],
  ['email changed', 'nothing', /^Votre adresse e-mail a été changée$|^L'adresse e-mail de votre compte Guichet/],
  ['password changed', 'nothing', /^Votre mot de passe a été changé$/],
  ['factor on', 'nothing', /^Connexion en deux étapes activée$/],
  ['recovery code used', 'nothing', /^Un code de secours a été utilisé$/],
  ['failures before', 'nothing', /^Une connexion après plusieurs mots de passe erronés$/],
  ['deleted', 'nothing', /^Votre compte (Guichet )?a été supprimé/],
];

/** The development mailbox as somebody reads it who tries the server out, over HTTP. */
function mailbox({ app, deliver }: OpenedClient) {
  const seen = new Set<string>();
  const list = async (to?: string): Promise<MailboxMessage[]> => {
    await deliver();
    const query = to === undefined ? '' : `?to=${encodeURIComponent(to)}`;
    const response = await app.inject(`/dev/mailbox.json${query}`);
    assert.equal(response.statusCode, 200);
    return response.json() as MailboxMessage[];
  };

  function kindOf({ channel, code, links, subject, text }: MailboxMessage): string {
    const [kind, carries] = KINDS.find(([, , form]) => form.test(subject || text)) ?? [];
    assert.ok(kind, `what is this? ${subject} ${text}`);
    assert.equal(code !== null, carries === 'code', kind);
    assert.equal(links.length, carries === 'link' ? 1 : 0, kind);
    if (carries === 'nothing') assert.doesNotMatch(text, /token=|\b\d{6}\b|\b\d{8}\b/);
    assert.equal(subject === '', channel === 'sms');
    return kind;
  }

  const find = async (to: string, has: (message: MailboxMessage) => boolean): Promise<MailboxMessage> => {
    const message = (await list(to)).find(has);
    assert.ok(message, `nothing of that kind went to ${to}`);
    return message;
  };

  return {
    /** Checks that exactly these came since the last time, to whom and what. */
    async brought(...expected: readonly [to: string, kind: string][]): Promise<void> {
      const fresh = (await list()).filter(({ id }) => !seen.has(id));
      for (const { id } of fresh) seen.add(id);
      const found = fresh.map((message) => `${message.to} ${kindOf(message)}`);
      assert.deepEqual(found.sort(), expected.map((words) => words.join(' ')).sort());
      for (const [to] of expected) {
        const own = await list(to);
        assert.ok(own.length > 0 && own.every((message) => message.to === to));
      }
    },
    code: async (to: string): Promise<string> => (await find(to, ({ code }) => code !== null)).code ?? '',
    async token(to: string): Promise<string> {
      const { links } = await find(to, (message) => message.links.length > 0);
      return new URL(links[0] ?? '').searchParams.get('token') ?? '';
    },
  };
}

const EMAIL = 'amina@example.com';
const NEW_EMAIL = 'amina.diallo@example.org';
const PHONE = '+33612345678';
const NEW_PHONE = '+33798765432';
const THIRD_PASSWORD = 'copper lantern meadow';

for (const database of ['sqlite', 'postgres'] as const) {
  const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;

  describe(`the life of an account, on ${database}`, { skip }, () => {
    it('goes from its sign-up to a day after its end, each message in its place', async (t) => {
      const world = await openClient(t, { database });
      const { another, clock, totp } = world;
      const { brought, code, token } = mailbox(world);
      const [a, b, stranger] = [another(), another(), another()];
      const later = async (by: Parameters<typeof clock.advance>[0]): Promise<void> => {
        clock.advance(by);
        assert.equal((await a.refresh()).status, 200);
      };

      // Sign-up with both: the address founds the account, the number waits.
      const made = await a.post('/register', {
        email: EMAIL,
        phone: '06 12 34 56 78',
        password: PASSWORD,
        ...a.device,
      });
      const { id } = accountIn(made);
      assert.deepEqual([made.status, accountIn(made).account_confirmed, accountIn(made).phone], [201, false, null]);
      await brought([EMAIL, 'confirmation code']);
      assertRefused(await a.signIn(EMAIL), 403, 'account_not_confirmed');
      await brought();

      const confirmed = await a.post('/confirm', { identifier: EMAIL, otp: await code(EMAIL) });
      assert.equal(accountIn(confirmed).account_confirmed, true);
      await brought([PHONE, 'change code']);

      const first = assertSignedIn(await a.signIn(EMAIL));
      assert.deepEqual([first.id, first.sign_in_count, first.phone], [id, 1, null]);
      assertRefused(await b.signIn(PHONE), 401, 'invalid_credentials');
      await brought();
      const numbered = accountIn(await a.post('/phone/verify', { otp: await code(PHONE) }));
      assert.equal(numbered.phone, PHONE);
      await brought([EMAIL, 'phone changed']);

      // A second device, by the number.
      assert.equal(assertSignedIn(await b.signIn('0033 6 12 34 56 78')).sign_in_count, 2);
      await brought([EMAIL, 'new device']);
      await b.signIn(PHONE);
      await later({ minutes: 50 });
      assert.equal(accountIn(await a.get('/me')).sign_in_count, 3);
      await brought();

      // Another number.
      await later({ minutes: 50 });
      const phone = { phone: '07 98 76 54 32', password: PASSWORD };
      assert.equal((await a.post('/phone/change', phone)).status, 201);
      await brought([NEW_PHONE, 'change code'], [PHONE, 'phone change asked']);
      const moved = accountIn(await a.post('/phone/verify', { otp: await code(NEW_PHONE) }));
      assert.equal(moved.phone, NEW_PHONE);
      await brought([EMAIL, 'phone changed'], [PHONE, 'phone changed']);
      assertRefused(await b.signIn(PHONE), 401, 'invalid_credentials');

      // Another address.
      await later({ minutes: 50 });
      assert.equal((await a.post('/email/change', { email: NEW_EMAIL, password: PASSWORD })).status, 201);
      await brought([NEW_EMAIL, 'change code'], [EMAIL, 'email change asked']);
      const readdressed = accountIn(await a.post('/email/verify', { otp: await code(NEW_EMAIL) }));
      assert.deepEqual([readdressed.email, readdressed.account_confirmed], [NEW_EMAIL, true]);
      await brought([EMAIL, 'email changed'], [NEW_EMAIL, 'email changed'], [NEW_PHONE, 'email changed']);
      assertRefused(await b.signIn(EMAIL), 401, 'invalid_credentials');
      assert.equal((await b.refresh()).status, 200);

      // Another password: the other device is out, and new to the account when it comes back.
      await later({ minutes: 50 });
      const passwords = { current_password: PASSWORD, password: OTHER_PASSWORD };
      assert.equal((await a.put('/password', passwords)).status, 200);
      await brought([NEW_EMAIL, 'password changed']);
      assertRefused(await b.refresh(), 401, 'token_expired');
      assertRefused(await b.signIn(NEW_EMAIL), 401, 'invalid_credentials');
      assertSignedIn(await b.signIn(NEW_EMAIL, OTHER_PASSWORD));
      await brought([NEW_EMAIL, 'new device']);

      // An authenticator.
      await later({ minutes: 50 });
      const pending = await a.post('/2fa/enable', { password: OTHER_PASSWORD, channel: 'totp' });
      const { secret = '' } = pending.body;
      await brought();
      const { recovery_codes = [] } = (await a.post('/2fa/confirm', { otp: totp(secret) })).body;
      assert.equal(recovery_codes.length, 10);
      await brought([NEW_EMAIL, 'factor on']);
      clock.advance({ seconds: 30 });
      assert.equal((await b.signIn(NEW_EMAIL, OTHER_PASSWORD)).body.channel, 'totp');
      assertRefused(await b.verify(NEW_EMAIL, '12345'), 401, 'invalid_otp');
      assert.equal(assertSignedIn(await b.verify(NEW_EMAIL, totp(secret))).two_factor_enabled, true);
      await brought();
      await b.signIn(NEW_PHONE, OTHER_PASSWORD);
      assertSignedIn(await b.verify(NEW_PHONE, recovery_codes[3] ?? ''));
      await brought([NEW_EMAIL, 'recovery code used']);

      // Ten wrong passwords by somebody else.
      await later({ minutes: 50 });
      for (let count = 0; count < 10; count += 1) {
        assertRefused(await stranger.signIn(NEW_EMAIL, WRONG), 401, 'invalid_credentials');
      }
      const lockedOut = await another().signIn(NEW_EMAIL, OTHER_PASSWORD);
      assert.deepEqual([lockedOut.status, lockedOut.headers['retry-after']], [423, '900']);
      await brought([NEW_EMAIL, 'locked']);
      const seen = accountIn(await a.get('/me'));
      assert.deepEqual([seen.failed_attempts, seen.locked_at], [10, new Date(clock.now()).toISOString()]);
      assert.equal((await stranger.post('/unlock', { token: await token(NEW_EMAIL) })).status, 200);
      const lifted = accountIn(await a.get('/me'));
      assert.deepEqual([lifted.failed_attempts, lifted.locked_at], [0, null]);
      assert.equal((await b.signIn(NEW_EMAIL, OTHER_PASSWORD)).status, 202);
      assertSignedIn(await b.verify(NEW_EMAIL, totp(secret)));
      await brought([NEW_EMAIL, 'failures before']);

      // The password is forgotten: a code by mail, whichever identifier was named; every session ends, the factor stays.
      await later({ minutes: 50 });
      const { challenge } = (await a.post('/password/forgot', { identifier: NEW_PHONE })).body;
      await brought([NEW_EMAIL, 'reset code']);
      const reset = { identifier: NEW_PHONE, challenge, otp: await code(NEW_EMAIL), password: THIRD_PASSWORD };
      assert.equal((await a.post('/password/reset', reset)).status, 200);
      await brought([NEW_EMAIL, 'password changed']);
      for (const device of [a, b]) assertRefused(await device.get('/me'), 401, 'token_expired');
      assertRefused(await a.signIn(NEW_EMAIL, OTHER_PASSWORD), 401, 'invalid_credentials');
      assert.equal((await a.signIn(NEW_EMAIL, THIRD_PASSWORD)).status, 202);
      assertSignedIn(await a.verify(NEW_EMAIL, totp(secret)));
      await brought([NEW_EMAIL, 'new device']);

      // Codes by SMS in the authenticator's place.
      const enabled = await a.post('/2fa/enable', { password: THIRD_PASSWORD, channel: 'sms' });
      assert.deepEqual(Object.keys(enabled.body), ['status', 'message']);
      await brought([NEW_PHONE, 'factor code']);
      assert.equal((await a.post('/2fa/confirm', { otp: await code(NEW_PHONE) })).status, 200);
      await brought([NEW_EMAIL, 'factor on']);
      clock.advance({ seconds: 61 });
      assert.equal((await b.signIn(NEW_EMAIL, THIRD_PASSWORD)).body.channel, 'sms');
      await brought([NEW_PHONE, 'sign-in code']);
      const stale = await code(NEW_PHONE);
      clock.advance({ seconds: 61 });
      const again = await b.post('/2fa/request-otp', { identifier: NEW_EMAIL, ...b.device });
      assert.equal(again.status, 201);
      await brought([NEW_PHONE, 'sign-in code']);
      const current = await code(NEW_PHONE);
      if (stale !== current) assertRefused(await b.verify(NEW_EMAIL, stale), 401, 'invalid_otp');
      assertRefused(await b.verify(NEW_EMAIL, totp(secret)), 401, 'invalid_otp');
      assertSignedIn(await b.verify(NEW_EMAIL, current));
      await brought([NEW_EMAIL, 'new device']);

      // A sign-in of long ago proves itself again.
      await later({ minutes: 11 });
      assertRefused(await a.delete('/account', { password: THIRD_PASSWORD }), 403, 'reauth_required');
      await brought();
      assert.equal((await a.post('/reauthenticate', { password: THIRD_PASSWORD })).status, 202);
      await brought([NEW_PHONE, 'sign-in code']);
      assert.equal((await a.post('/reauthenticate', { otp: await code(NEW_PHONE) })).status, 200);

      // Sessions and devices: two of each; the other device is forgotten, its session with it.
      const { sessions = [] } = (await a.get('/sessions')).body;
      const { devices = [] } = (await a.get('/devices')).body;
      assert.deepEqual(sessions.map(({ current }) => current).sort(), [false, true]);
      assert.deepEqual(sessions.map(({ device }) => device?.id).sort(), devices.map(({ id }) => id).sort());
      const other = devices.find(({ current }) => !current);
      assert.equal(other?.name, b.device.device_name);
      assert.equal((await a.delete(`/devices/${other?.id}`)).status, 200);
      assertRefused(await b.get('/me'), 401, 'token_expired');
      assert.equal((await a.get('/sessions')).body.sessions?.length, 1);
      await brought();

      // The end.
      assert.equal((await a.delete('/account')).status, 200);
      await brought([NEW_EMAIL, 'deleted'], [NEW_PHONE, 'deleted']);
      assertRefused(await a.get('/me'), 401, 'token_expired');
      assertRefused(await a.refresh(), 401, 'token_expired');
      for (const identifier of [NEW_EMAIL, NEW_PHONE, EMAIL, PHONE]) {
        assertRefused(await b.signIn(identifier, THIRD_PASSWORD), 401, 'invalid_credentials');
        assert.equal((await another().post('/password/forgot', { identifier })).status, 201);
        assert.equal((await another().post('/confirm/resend', { identifier })).status, 201);
      }
      await brought();

      // What it held stays closed for a day; what it had given up long since does not.
      clock.advance({ hours: 23, minutes: 59 });
      for (const given of [{ email: NEW_EMAIL }, { phone: NEW_PHONE }]) {
        const answer = await stranger.post('/register', { ...given, password: PASSWORD });
        assert.deepEqual([answer.status, answer.body.error], [409, 'identifier_taken']);
      }
      assert.equal((await stranger.post('/register', { email: EMAIL, password: PASSWORD })).status, 201);
      await brought([EMAIL, 'confirmation code']);
      clock.advance({ minutes: 1 });
      const next = accountIn(await b.post('/register', { email: NEW_EMAIL, password: PASSWORD }));
      assert.ok(next.id > id);
      await brought([NEW_EMAIL, 'confirmation code']);
      await b.post('/confirm', { identifier: NEW_EMAIL, otp: await code(NEW_EMAIL) });
      const anew = assertSignedIn(await b.signIn(NEW_EMAIL));
      assert.deepEqual([anew.id, anew.phone, anew.sign_in_count, anew.two_factor_enabled], [next.id, null, 1, false]);
      assertRefused(await a.get('/me'), 401, 'token_expired');
      await brought();
    });
  });
}
