import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Locale } from '../../src/core/account.ts';
import type { DeliveredCode, Messages, Template } from '../../src/core/message.ts';
import { hours } from '../../src/core/time.ts';
import { renderer } from '../../src/delivery/render.ts';
import type { QueuedMessage } from '../../src/store/outbox.ts';
import { NOON } from './mail-world.ts';

const renderAny = renderer({
  publicUrl: 'https://auth.example:8443/',
  spaUrl: 'https://app.example',
  setUpForm: 'page',
  serviceName: 'Guichet',
});
/** An e-mail, which always has HTML. */
function render(message: QueuedMessage) {
  const { html, ...others } = renderAny(message);
  assert.ok(html);
  return { html, ...others };
}
const LOCALES: readonly Locale[] = ['en', 'fr'];
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:138.0) Gecko/20100101 Firefox/138.0';

const circumstances = { at: NOON, address: '192.0.2.7', userAgent: FIREFOX };
const token = 'abc_-123';
/** Codes have tests of their own: templates-codes.test.ts. */
type CodeTemplate = { [T in Template]: Messages[T] extends DeliveredCode ? T : never }[Template];
const FACTS: Omit<Messages, CodeTemplate> = {
  verify_email: { token, name: 'Ada' },
  claim_account: { token, name: 'Ada' },
  reset_password: { token, name: 'Ada' },
  set_up_password: { token, name: 'Ada', form: { id: 7, hash: 'ab'.repeat(32), expires: 1_770_000_000 } },
  magic_link: { token, name: 'Ada' },
  change_email: { token, name: 'Ada' },
  password_changed: { name: 'Ada', ...circumstances },
  account_locked: { token, name: 'Ada', ...circumstances },
  session_replayed: { name: 'Ada', ...circumstances },
  sign_in_after_failures: { name: 'Ada', ...circumstances },
  new_device: { name: 'Ada', deviceName: 'Pixel 9', ...circumstances },
  identifier_changed: { name: 'Ada', kind: 'email', ...circumstances },
  identifier_change_requested: { name: 'Ada', kind: 'email', by: 'code', ...circumstances },
  factor_changed: { name: 'Ada', change: 'enabled', factor: 'sms', ...circumstances },
  recovery_codes_renewed: { name: 'Ada', ...circumstances },
  passkey_cloned: { name: 'Ada', passkey: 'Blue key', ...circumstances },
  passkey_changed: { name: 'Ada', change: 'added', passkey: 'Blue key', ...circumstances },
  provider_changed: { name: 'Ada', change: 'joined', provider: 'github', ...circumstances },
  recovery_code_used: { name: 'Ada', left: 9, ...circumstances },
  second_factor_failures: { name: 'Ada', ...circumstances },
  password_disabled: { name: 'Ada', ...circumstances },
  account_deleted: { name: 'Ada', ...circumstances },
};
type Tested = keyof typeof FACTS;
const TEMPLATES = Object.keys(FACTS) as Tested[];
const PAGES: Partial<Record<Template, string>> = {
  verify_email: '/verify-email',
  claim_account: '/reset-password',
  reset_password: '/reset-password',
  set_up_password: '/set-up-password',
  magic_link: '/magic-link',
  change_email: '/change-email',
  account_locked: '/unlock',
};

function message(template: Tested, locale: Locale, facts: object = {}): QueuedMessage {
  const all = { ...FACTS[template], ...facts };
  return {
    id: '7b1f',
    template,
    locale,
    facts: all,
    channel: 'email',
    to: 'ada@example.com',
    createdAt: NOON,
    expiresAt: NOON + hours(1),
  } as QueuedMessage;
}

/** The text a reader of the HTML sees. */
const seen = (html: string): string =>
  html.replace(/<[^>]*>/g, ' ').replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));

const HOSTILE = [
  '"><img src=x onerror=alert(1)>',
  "'><svg onload=alert(1)>",
  '</title></h1><script>alert(1)</script>',
  `{{7*7}}\${7*7}<%= 7*7 %>`,
  'Ada\r\nBcc: eve\r\n\r\nnew body',
  '\u202Eadnap\u202C \u2066x\u2069 \u200Bq\0\u001B[2J\u0085\u2028',
  '<img src=x>'.repeat(373),
  '\uD800 lone',
];

for (const template of TEMPLATES) {
  for (const locale of LOCALES) {
    describe(`${template} in ${locale}`, () => {
      const page = PAGES[template];

      it(page ? `leads to ${page}` : 'carries neither link nor token', () => {
        const { links, code, html, text } = render(message(template, locale));
        const link = `https://auth.example:8443${page}?token=${token}`;
        assert.deepEqual([links, code], [page ? [link] : [], null]);
        for (const body of [text, html]) assert.equal(body.includes(link), page !== undefined);
        if (!page) assert.doesNotMatch(text + html, /[?&](token|code)=/);
      });

      it('is complete, and says in text and HTML the same', () => {
        const { html, subject, text } = render(message(template, locale));
        const body = seen(html).replace(/\s+/g, ' ');
        assert.ok(subject.length > 10 && subject.length < 70);
        assert.match(html, new RegExp(`^<!doctype html>\n<html lang="${locale}">`));
        assert.doesNotMatch(html + text, /\b(undefined|null)\b|\[object/);
        const paragraphs = text
          .trim()
          .split('\n\n')
          .filter((paragraph) => !paragraph.includes('\n'));
        assert.ok(paragraphs.length >= 3);
        for (const paragraph of paragraphs) assert.ok(body.includes(paragraph.replace(/\s+/g, ' ')), paragraph);
      });

      it('asks a mail program for nothing but the text itself', () => {
        const { html } = render(message(template, locale));
        assert.doesNotMatch(html, /<(img|script|link|style|iframe|form|object)\b|@import|url\(|srcset/i);
        const targets = [...html.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, target = '']) => target);
        for (const target of targets) assert.ok(target.startsWith('https://auth.example:8443'), target);
      });

      it('shows hostile names, browsers and addresses harmlessly', () => {
        const plain = render(message(template, locale));
        for (const hostile of HOSTILE) {
          const { html, subject, text } = render(
            message(template, locale, {
              name: hostile,
              ...('at' in FACTS[template] && { userAgent: hostile, address: hostile }),
              // A name that looks like a link is left out; none of these does, and the row stays.
              ...('deviceName' in FACTS[template] && { deviceName: `x${hostile}` }),
              ...('passkey' in FACTS[template] && { passkey: `x${hostile}` }),
            }),
          );
          assert.equal(subject, plain.subject);
          assert.doesNotMatch(html, /<(img|svg|script)/i);
          const tags = (page: string) => page.match(/<[a-z/!][^>]*>/gi)?.join('');
          assert.equal(tags(html), tags(plain.html));
          assert.equal(text.split('\n').length, plain.text.split('\n').length);
          assert.doesNotMatch((html + text).replaceAll('\n', ''), /[\p{Cc}\u2028\u202A-\u202E\u2066-\u2069\u200B]/u);
          assert.ok((html + text).isWellFormed());
          assert.ok(Math.max(...text.split('\n').map((line) => line.length)) < 400);
        }
      });

      if (page) {
        it('says how long its link lives', () => {
          const { text } = render(message(template, locale));
          const lives: Partial<Record<Template, RegExp>> = {
            verify_email: /\b24 (hours|heures)\b/,
            set_up_password: /\b24 (hours|heures)\b/,
            account_locked: /\b24 (hours|heures)\b/,
            magic_link: /\b10 minutes\b/,
          };
          assert.match(text, lives[template] ?? /\b1 (hour|heure)\b/);
        });
      }
      if ('at' in FACTS[template]) {
        it('names time, browser and network', () => {
          const { html, text } = render(message(template, locale));
          const when = locale === 'fr' ? /5 mars 2026 à 12:00 UTC/ : /5 March 2026 at 12:00 UTC/;
          for (const body of [text, seen(html)]) {
            assert.match(body, when);
            assert.match(body, locale === 'fr' ? /Firefox sur Linux/ : /Firefox on Linux/);
            assert.match(body, /192\.0\.2\.7/);
          }
        });
      }
    });
  }
}

describe('a rendered message', () => {
  it('greets by name, or without one', () => {
    const greeting = (name: string | null, locale: Locale) =>
      render(message('verify_email', locale, { name })).text.split('\n')[0];
    assert.equal(greeting('Ada', 'en'), 'Hello Ada,');
    assert.equal(greeting('Ada', 'fr'), 'Bonjour Ada,');
    assert.equal(greeting(null, 'fr'), 'Bonjour,');
    assert.equal(greeting(' \u202E ', 'en'), 'Hello,');
    assert.equal(greeting('J.R.R. Tolkien', 'en'), 'Hello J.R.R. Tolkien,');
    assert.equal(greeting('نازنین‌زهرا', 'en'), 'Hello نازنین‌زهرا,');
  });

  it('greets nobody by what a mail program would make a link of', () => {
    for (const name of [
      'You won! https://evil.example',
      'see evil.com',
      'www.evil',
      'write to me@evil.example',
      'EVIL.COM/x',
    ]) {
      assert.match(render(message('verify_email', 'en', { name })).text, /^Hello,\n/, name);
    }
  });

  it('names a new device, unless by what a mail program would make a link of', () => {
    const text = (deviceName: string | null) => render(message('new_device', 'fr', { deviceName })).text;
    assert.match(text('Pixel 9'), /^Appareil\u00A0: Pixel 9$/m);
    for (const name of ['Safe at https://evil.example', 'call me@evil.example', 'evil.com', null, ' \u202E ']) {
      assert.doesNotMatch(text(name), /Appareil\u00A0|evil/, String(name));
    }
  });

  it('names a passkey as its owner does, unless by what a mail program would make a link of', () => {
    const of = (passkey: string | null) => render(message('passkey_changed', 'fr', { passkey }));
    assert.match(of('Ma clé bleue').text, /^Clé d’accès\u00A0: Ma clé bleue$/m);
    assert.match(of('x'.repeat(5000)).text, /^Clé d’accès\u00A0: x{99}…$/m);
    for (const name of ['Lost? https://evil.example', 'call me@evil.example', 'evil.com', null, ' \u202E ']) {
      const { html, text } = of(name);
      assert.doesNotMatch(html + text, /Clé d’accès\u00A0|>Clé d’accès<|evil/, String(name));
    }
  });

  it('names a provider as it spells itself, and another issuer with a capital', () => {
    const of = (provider: string, locale: Locale, change: string) =>
      render(message('provider_changed', locale, { provider, change }));
    for (const change of ['linked', 'joined', 'unlinked']) {
      assert.match(of('github', 'en', change).subject, /^(Signing in|First sign-in) with GitHub/);
      assert.match(of('google', 'fr', change).subject, /onnexion avec Google/);
      assert.match(of('acme', 'fr', change).text, /(compte|avec) Acme /);
    }
    assert.match(of('constructor', 'en', 'linked').subject, / Constructor /);
    const hostile = of('<b>\r\n\u202Ex', 'en', 'joined');
    assert.equal(hostile.subject, 'First sign-in with <b> x');
    assert.doesNotMatch(hostile.html, /<b>|\r|\u202E/);
  });

  it('says what changed', () => {
    const opening = (template: Tested, facts: object) =>
      render(message(template, 'en', facts))
        .text.split('\n\n')
        .slice(1, 3)
        .join(' ');
    assert.match(opening('identifier_changed', { kind: 'email' }), /^The e-mail address of your Guichet account/);
    assert.match(opening('identifier_changed', { kind: 'phone' }), /^The phone number of your Guichet account/);
    assert.match(
      opening('identifier_change_requested', { kind: 'email' }),
      /replace the e-mail address .*new address rec/,
    );
    assert.match(
      opening('identifier_change_requested', { kind: 'phone' }),
      /replace the phone number .*new number rec/,
    );
    assert.match(opening('factor_changed', { factor: 'totp' }), /takes a second step: codes from an authenticator app/);
    assert.match(opening('factor_changed', { factor: 'email', change: 'disabled' }), /no second step .*by e-mail/);
    assert.match(opening('passkey_changed', { change: 'added' }), /been added .*: whoever holds it can sign in/);
    assert.match(opening('passkey_changed', { change: 'removed' }), /been removed .*: nobody can sign in with it/);
    assert.match(opening('passkey_changed', { change: 'renamed' }), /been given another name\. It works as before/);
    assert.match(opening('provider_changed', { change: 'linked' }), /a GitHub account can sign in .* been linked/);
    assert.match(opening('provider_changed', { change: 'joined' }), /with GitHub for the first time/);
    assert.match(opening('provider_changed', { change: 'unlinked' }), /unlinked .* can no longer sign in/);
    assert.match(opening('recovery_code_used', { left: 0 }), /It was the last one/);
    assert.match(opening('recovery_code_used', { left: 1 }), /1 code is left\. Better make new ones/);
    assert.match(opening('recovery_code_used', { left: 9 }), /9 codes are left\.$/);
  });

  it('asks for new recovery codes when three or fewer are left (R051)', () => {
    const text = (left: number, locale: Locale) => render(message('recovery_code_used', locale, { left })).text;
    const advice = {
      en: /(Better make new ones|It was the last one: make new ones) now\./,
      fr: /(Mieux vaut en créer de nouveaux|C’était le dernier\u00A0: créez-en de nouveaux) dès maintenant\./,
    };
    for (const locale of LOCALES) {
      for (const left of [0, 1, 2, 3]) assert.match(text(left, locale), advice[locale]);
      for (const left of [4, 9]) assert.doesNotMatch(text(left, locale), advice[locale]);
    }
  });

  it('keeps a name of any length to a hundred characters', () => {
    const { text } = render(message('verify_email', 'en', { name: '🦊'.repeat(1000) }));
    assert.equal(text.split('\n')[0], `Hello ${'🦊'.repeat(99)}…,`);
  });

  it('encodes the token, and carries a Message-ID of the public host', () => {
    const { links, messageId } = render(message('reset_password', 'en', { token: 'a b&c="<' }));
    assert.deepEqual(links, ['https://auth.example:8443/reset-password?token=a%20b%26c%3D%22%3C']);
    assert.equal(messageId, '<7b1f@auth.example>');
  });

  it('sets French with unbreakable spaces', () => {
    const changes = [
      ...(['added', 'removed', 'renamed'] as const).map((change) => ['passkey_changed', { change }] as const),
      ...(['linked', 'joined', 'unlinked'] as const).map((change) => ['provider_changed', { change }] as const),
    ];
    for (const [template, facts] of [...TEMPLATES.map((template) => [template, {}] as const), ...changes]) {
      const { html, subject, text } = render(message(template, 'fr', facts));
      for (const body of [subject, text, seen(html)]) assert.doesNotMatch(body, / [;?!»]|« | :(?!\/)|'/, template);
    }
    assert.match(render(message('verify_email', 'fr')).text, /Guichet\u202F! .*compte\u202F\?/s);
    assert.match(render(message('password_changed', 'fr')).text, /«\u00A0Mot de passe oublié\u00A0»/);
  });
});
