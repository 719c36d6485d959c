import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Locale } from '../../src/core/account.ts';
import type { SmsTemplate, Template } from '../../src/core/message.ts';
import { minutes } from '../../src/core/time.ts';
import { DeliveryFailure } from '../../src/delivery/delivery.ts';
import { gsmText } from '../../src/delivery/gsm.ts';
import { renderer } from '../../src/delivery/render.ts';
import type { QueuedMessage } from '../../src/store/outbox.ts';
import { NOON } from './mail-world.ts';

const LOCALES: readonly Locale[] = ['en', 'fr'];
const CODES = ['sign_in_code', 'confirmation_code', 'change_code', 'reset_code', 'factor_code'] as const;
/** As long as it is shown, and full of letters that cost two septets or need another alphabet. */
const LONGEST_SERVICE = 'Île-de-France Œuvres [Ça & là] 🦊';

const circumstances = { at: NOON, address: '192.0.2.7', userAgent: 'okhttp/5' };
const ofKind = (kind: 'email' | 'phone') => ({ kind, name: 'Ada', ...circumstances });
/** What else may go by SMS, with facts for each of its wordings. */
const NOTICES: Record<Exclude<SmsTemplate, (typeof CODES)[number]>, readonly object[]> = {
  identifier_changed: [ofKind('email'), ofKind('phone')],
  identifier_change_requested: [ofKind('email'), ofKind('phone')],
  account_deleted: [{ name: 'Ada', ...circumstances }],
};
const noticesBySms = Object.entries(NOTICES).flatMap(([template, wordings]) =>
  wordings.map((facts) => ({ template: template as keyof typeof NOTICES, facts })),
);
const bySms: readonly { template: SmsTemplate; facts?: object }[] = [
  ...CODES.map((template) => ({ template })),
  ...noticesBySms,
];

function message(
  template: Template,
  change: { locale?: Locale; channel?: 'email' | 'sms'; name?: string; facts?: object } = {},
) {
  const code = template === 'reset_code' ? '00481516' : '004815';
  return {
    id: '7b1f',
    template,
    facts: change.facts ?? { code, name: change.name ?? 'Ada', minutes: 10 },
    channel: change.channel ?? 'email',
    to: change.channel === 'sms' ? '+33612345678' : 'ada@example.com',
    locale: change.locale ?? 'en',
    createdAt: NOON,
    expiresAt: NOON + minutes(10),
  } as QueuedMessage;
}

const links = { publicUrl: 'https://auth.example', spaUrl: 'https://app.example', setUpForm: 'page' } as const;
const render = renderer({ ...links, serviceName: 'Guichet' });

/** Septets of a text in the default alphabet of GSM (3GPP TS 23.038, table 1 and its extension); `NaN` outside of it. */
function septets(text: string): number {
  const basic =
    '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u001BÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
  assert.equal(basic.length, 128);
  return [...text].reduce((sum, letter) => {
    if (basic.includes(letter)) return sum + 1;
    return sum + ('^{}\\[~]|€\f'.includes(letter) ? 2 : Number.NaN);
  }, 0);
}

for (const locale of LOCALES) {
  for (const template of CODES) {
    describe(`${template} in ${locale}`, () => {
      const code = template === 'reset_code' ? '00481516' : '004815';
      const secret = locale === 'en' ? /Never share it/ : /Ne le donnez à personne/;

      it('shows its code in an e-mail, and hands it out by itself', () => {
        const rendered = render(message(template, { locale }));
        assert.deepEqual([rendered.code, rendered.links, rendered.channel], [code, [], 'email']);
        assert.ok(rendered.text.split('\n').includes(code));
        assert.ok(rendered.html?.includes(`>${code}</p>`));
        assert.doesNotMatch(rendered.subject, /\d/);
        assert.match(rendered.text, /\b10 minutes\b/);
        assert.match(rendered.text, secret);
        assert.doesNotMatch(rendered.text + rendered.html, /\b(undefined|null)\b|\[object/);
      });

      it('begins an SMS with its code', () => {
        const rendered = render(message(template, { locale, channel: 'sms' }));
        assert.ok(rendered.text.startsWith(`${code} `));
        assert.match(rendered.text, /Guichet/);
        assert.match(rendered.text, /\b10 minutes\b/);
        assert.match(rendered.text, secret);
        assert.deepEqual([rendered.code, rendered.subject, rendered.html, rendered.links], [code, '', null, []]);
      });

      it('shows a hostile name harmlessly, and in an SMS not at all', () => {
        const plain = render(message(template, { locale, channel: 'sms' })).text;
        for (const name of [
          '"><img src=x onerror=alert(1)>',
          'Ada\r\n999999 is your code',
          '\u202E815400',
          'é'.repeat(9999),
        ]) {
          const { html, text } = render(message(template, { locale, name }));
          assert.doesNotMatch(String(html), /<img/);
          assert.doesNotMatch(text, /^999999|\r|\u202E/m);
          assert.equal(render(message(template, { locale, channel: 'sms', name })).text, plain);
        }
      });
    });
  }

  describe(`an SMS in ${locale}`, () => {
    it('fits into one segment, whatever the service is called', () => {
      for (const serviceName of ['Guichet', LONGEST_SERVICE, 'W'.repeat(300), '認証サービス', '{[~^€]}'.repeat(9)]) {
        const renderHere = renderer({ ...links, publicUrl: `https://${'a'.repeat(60)}.example`, serviceName });
        for (const { template, ...facts } of bySms) {
          const { text } = renderHere(message(template, { locale, channel: 'sms', ...facts }));
          assert.ok(septets(text) <= 160, `${septets(text)} septets: ${text}`);
          assert.doesNotMatch(text, /undefined| {2}/);
        }
      }
    });

    it('tells what happened, and what to do if it was not the owner, without digits or a link', () => {
      for (const { template, facts } of noticesBySms) {
        const { code, html, links, subject, text } = render(message(template, { locale, channel: 'sms', facts }));
        assert.deepEqual([code, html, links, subject], [null, null, [], '']);
        assert.match(
          text,
          locale === 'en' ? /your Guichet account.*Not you\? /i : /votre compte Guichet.*Pas vous \? /i,
        );
        assert.doesNotMatch(text, /\d|http|Ada/);
      }
    });

    it('names what changed', () => {
      for (const template of ['identifier_changed', 'identifier_change_requested'] as const) {
        const text = (kind: 'email' | 'phone') =>
          render(message(template, { locale, channel: 'sms', facts: ofKind(kind) })).text;
        assert.match(text('phone'), locale === 'en' ? /phone number/ : /le numéro/i);
        assert.match(text('email'), locale === 'en' ? /e-mail address/ : /l'adresse e-mail/i);
      }
    });
  });
}

describe('a message', () => {
  it('without words for an SMS is refused for good', () => {
    assert.throws(
      () => render(message('verify_email', { channel: 'sms', facts: { token: 'canary' } })),
      (error) => error instanceof DeliveryFailure && error.permanent && !/canary/.test(error.message),
    );
  });

  it('in French is set with unbreakable spaces by e-mail, and with plain ones by SMS', () => {
    for (const template of CODES) {
      const { html, subject, text } = render(message(template, { locale: 'fr' }));
      for (const body of [subject, text]) assert.doesNotMatch(body, / [;?!»]|« | :(?!\/)|'/, template);
      assert.match(String(html), /lang="fr"/);
      assert.doesNotMatch(render(message(template, { locale: 'fr', channel: 'sms' })).text, /[\u00A0\u202F’]/);
    }
  });
});

describe('a service name for SMS', () => {
  it('keeps the letters of GSM and loses the accents of others', () => {
    assert.equal(gsmText('Île à Vélo', 20), 'Ile à Vélo');
    assert.equal(gsmText('L’Œuvre 🦊 d’Été', 20), "L'uvre d'Été");
    assert.equal(gsmText('認証', 20), '');
    assert.equal(gsmText('A'.repeat(30), 20), 'A'.repeat(20));
  });
});
