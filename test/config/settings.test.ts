import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { derive } from '../../src/config/derived.ts';
import { examineSettings, loadSettings, SettingsError } from '../../src/config/load.ts';

const strongSecret = 'vN3kQ8xWz5RbYt1LmC7dHf2GpJ6sAe9U';

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'guichet-settings-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function linesOf(env: Record<string, string>): readonly string[] {
  try {
    loadSettings(env);
    return [];
  } catch (error) {
    assert(error instanceof SettingsError);
    return error.lines;
  }
}

describe('settings', () => {
  it('need nothing to be given on a laptop', () => {
    const { settings, warnings } = loadSettings({});

    assert.deepEqual(warnings, []);
    assert.equal(settings.GUICHET_PUBLIC_URL, 'http://localhost:3000');
    assert.equal(settings.GUICHET_DATABASE_URL, 'sqlite:data/guichet.db');
    assert.equal(settings.GUICHET_DOCS, true);
    assert.equal(derive(settings).mode, 'development');
    assert.equal(derive(settings).developmentMailbox, true);
  });

  it('list every wrong value, one line each, with what was given and what is accepted', () => {
    const lines = linesOf({
      GUICHET_PORT: '70000',
      GUICHET_HOST: 'not a host',
      GUICHET_DATABASE_URL: 'mysql://root:hunter2@db/auth',
      GUICHET_CONTRACTS: 'cookie,soap',
      GUICHET_DEVICE_PREFIX: 'api',
      GUICHET_COOKIE_PREFIX: '/v1/',
      GUICHET_SANCTUM_SESSION_COOKIE: 'xsrf-token',
      GUICHET_SANCTUM_XSRF_DOMAIN: '*.example.org',
      GUICHET_JWT_ALG: 'none',
      GUICHET_JWT_SECRET: 'the documented secret key of our service',
      GUICHET_JWT_ISSUER: ' ',
      GUICHET_JWT_AUDIENCE: 'a\nb',
      GUICHET_ALLOWED_ORIGINS: 'https://app.example.org, https://*.example.org',
      GUICHET_SIGN_UP: 'maybe',
      GUICHET_PASSWORD_MIN: '8.5',
      GUICHET_PASSKEY_RP_ID: 'https://example.org',
      GUICHET_PASSKEY_ORIGINS: 'https://app.example.net http://app.example.net',
      GUICHET_PASSKEY_ENROLL_URL: 'http://app.example.net/passkeys/new',
      GUICHET_PASSKEY_MANAGE_URL: '/passkeys',
      GUICHET_DOCS: 'yes please',
      GUICHET_TRUST_PROXY: 'none,10.0.0.0/8',
      GUICHET_SHARED_NETWORKS: '10.0.0.0/33',
      GUICHET_MAIL_URL: 'smtp://mailer:per%cent@mail.example.org',
      GUICHET_MAIL_FROM: 'a@example.org, b@example.org',
      GUICHET_SMS_URL: 'http://sms.example.org/hook',
      GUICHET_SMS_SECRET: 'whsec_c2hvcnQ=',
      GUICHET_TWILIO_API_URL: 'http://api.twilio.com',
      GUICHET_PHONE_REGION: 'France',
      GUICHET_SMS_COUNTRIES: 'FR,ZZ',
      GUICHET_SMS_BUDGET: '-1',
      GUICHET_RECAPTCHA_SECRET: 'canary\n4711',
      GUICHET_RECAPTCHA_URL: 'http://www.google.com/recaptcha/api/siteverify',
    });

    assert.deepEqual(lines, [
      'GUICHET_HOST is "not a host"; accepted is an IP address or a host name',
      'GUICHET_PORT is "70000"; accepted is a whole number from 0 to 65535',
      'GUICHET_DATABASE_URL is mysql://root:***@db/auth; accepted is sqlite:<path> or postgres://…',
      'GUICHET_CONTRACTS is "cookie,soap"; accepted is one or more of device, bearer, cookie, sanctum',
      'GUICHET_DEVICE_PREFIX is "api"; accepted is a path that begins with a slash and does not end with one',
      'GUICHET_COOKIE_PREFIX is "/v1/"; accepted is a path that begins with a slash and does not end with one',
      'GUICHET_SANCTUM_SESSION_COOKIE is "xsrf-token"; accepted is a name of letters, digits, hyphens and underscores that no other cookie of this server has',
      'GUICHET_SANCTUM_XSRF_DOMAIN is "*.example.org"; accepted is a domain that the public URL’s host lies below, such as example.org',
      'GUICHET_JWT_ALG is "none"; accepted is ES256 or HS256',
      'GUICHET_JWT_SECRET is hidden (40 bytes); accepted is at least 32 random bytes, for example from: openssl rand -base64 32',
      'GUICHET_JWT_ISSUER is " "; accepted is any text',
      'GUICHET_JWT_AUDIENCE is "a\\nb"; accepted is any text',
      'GUICHET_ALLOWED_ORIGINS is "https://app.example.org, https://*.example.org"; accepted is origins with commas between them, such as https://app.example.org',
      'GUICHET_SIGN_UP is "maybe"; accepted is open or closed',
      'GUICHET_PASSWORD_MIN is "8.5"; accepted is a whole number from 8 to 64',
      'GUICHET_PASSKEY_RP_ID is "https://example.org"; accepted is the host of the public URL, a parent domain of it such as example.org, or localhost',
      'GUICHET_PASSKEY_ORIGINS is "https://app.example.net http://app.example.net"; accepted is https origins (http on this machine only) with commas between them, such as https://app.example.net',
      'GUICHET_PASSKEY_ENROLL_URL is "http://app.example.net/passkeys/new"; accepted is an https URL (http on this machine only)',
      'GUICHET_PASSKEY_MANAGE_URL is "/passkeys"; accepted is an https URL (http on this machine only)',
      'GUICHET_DOCS is "yes please"; accepted is on or off',
      'GUICHET_TRUST_PROXY is "none,10.0.0.0/8"; accepted is none, or addresses and networks (10.0.0.0/8) with commas between them',
      'GUICHET_SHARED_NETWORKS is "10.0.0.0/33"; accepted is addresses and networks (10.0.0.0/8) with commas between them',
      'GUICHET_MAIL_URL is smtp://mailer:***@mail.example.org; accepted is smtp://user:password@host:port or smtps://…',
      'GUICHET_MAIL_FROM is "a@example.org, b@example.org"; accepted is an address, alone or as Name <address>',
      'GUICHET_SMS_URL is http://sms.example.org/…; accepted is https://… of a webhook (http on this machine only), or twilio://SID:TOKEN@FROM',
      'GUICHET_SMS_SECRET is hidden (14 bytes); accepted is whsec_ and 24 to 64 random bytes in base64, for example from: echo whsec_$(openssl rand -base64 32)',
      'GUICHET_TWILIO_API_URL is "http://api.twilio.com"; accepted is an https URL without a path (http on this machine only)',
      'GUICHET_PHONE_REGION is "France"; accepted is the two letters of a country (ISO 3166-1)',
      'GUICHET_SMS_COUNTRIES is "FR,ZZ"; accepted is the two letters of countries (ISO 3166-1) with commas between them',
      'GUICHET_SMS_BUDGET is "-1"; accepted is a whole number from 0 to 1000000',
      'GUICHET_RECAPTCHA_SECRET is hidden (11 bytes); accepted is any text',
      'GUICHET_RECAPTCHA_URL is "http://www.google.com/recaptcha/api/siteverify"; accepted is an https URL (http on this machine only)',
    ]);
  });

  it('read PORT where GUICHET_PORT is not given, and name it when it is wrong', () => {
    assert.equal(loadSettings({ PORT: '8080' }).settings.GUICHET_PUBLIC_URL, 'http://localhost:8080');
    assert.equal(loadSettings({ PORT: '8080', GUICHET_PORT: '9090' }).settings.GUICHET_PORT, 9090);
    assert.deepEqual(linesOf({ PORT: 'http' }), ['PORT is "http"; accepted is a whole number from 0 to 65535']);
  });

  it('take an empty value as not given', () => {
    assert.equal(loadSettings({ GUICHET_PORT: '', GUICHET_MAIL_URL: '' }).settings.GUICHET_PORT, 3000);
  });

  it('take the public URL and the allowed origins in any spelling, and keep the one that browsers send', () => {
    const { settings } = loadSettings({
      GUICHET_PUBLIC_URL: 'HTTP://LocalHost:3000/',
      GUICHET_ALLOWED_ORIGINS: 'https://App.Example.org:443/ http://127.0.0.1:5173',
    });

    assert.equal(settings.GUICHET_PUBLIC_URL, 'http://localhost:3000');
    assert.deepEqual(settings.GUICHET_ALLOWED_ORIGINS, ['https://app.example.org', 'http://127.0.0.1:5173']);
  });

  it('warn of a variable that is none of them, and name the one it is nearest to', () => {
    const { warnings } = loadSettings({ GUICHET_PUBLC_URL: 'x', GUICHET_UTTERLY_UNKNOWN: 'x', OTHER: 'x' });

    assert.deepEqual(warnings, [
      'GUICHET_PUBLC_URL is not a setting and is ignored; did you mean GUICHET_PUBLIC_URL?',
      'GUICHET_UTTERLY_UNKNOWN is not a setting and is ignored',
    ]);
  });

  it('read a secret from the file that is named, without its last line break', (t) => {
    const path = join(folderFor(t), 'secret');
    writeFileSync(path, `${strongSecret}\n`);

    assert.equal(loadSettings({ GUICHET_SECRET_FILE: path }).settings.GUICHET_SECRET, strongSecret);
  });

  it('refuse a file that is not there, and a secret that is given twice', (t) => {
    const folder = folderFor(t);
    const path = join(folder, 'nothing');

    assert.deepEqual(
      linesOf({ GUICHET_SECRET_FILE: path, GUICHET_MAIL_URL: 'smtp://h', GUICHET_MAIL_URL_FILE: path }),
      [
        `GUICHET_SECRET_FILE is "${path}"; accepted is a file that can be read (ENOENT)`,
        'GUICHET_MAIL_URL_FILE and GUICHET_MAIL_URL are both set; only one of them may be',
      ],
    );
  });

  it('refuse a secret that is short, empty, repeated, or a sample', () => {
    const samples = [
      '',
      'secret',
      'x'.repeat(64),
      'ab12'.repeat(16),
      `${'q7Zk1Wm9'.repeat(5)}q7Z`,
      '0123456789abcdefghijklmnopqrstuvwxyz',
      'changeme-changeme-changeme-3f9Kx2Lq',
      'my-SECRET-key-of-forty-characters-3f9Kx2',
      'vN3kQ8xWz5RbYt1LmC7dHf2GpJ6sAe9',
    ];

    for (const sample of samples) assert.equal(linesOf({ GUICHET_SECRET: sample }).length, 1, sample);
    assert.deepEqual(linesOf({ GUICHET_SECRET: strongSecret }), []);
  });

  it('refuse the same secret as current and as previous', () => {
    assert.deepEqual(linesOf({ GUICHET_SECRET: strongSecret, GUICHET_SECRET_PREVIOUS: strongSecret }), [
      'GUICHET_SECRET_PREVIOUS is hidden; accepted is another secret than GUICHET_SECRET',
    ]);
  });

  it('ask for a secret with HS256 and for none with ES256, and take one that nobody else has', () => {
    const missing = [
      'GUICHET_JWT_SECRET is not set; HS256 as GUICHET_JWT_ALG needs at least 32 random bytes, for example from: openssl rand -base64 32',
    ];
    const taken = [
      'GUICHET_JWT_SECRET is hidden; accepted is another secret than GUICHET_SECRET and GUICHET_SECRET_PREVIOUS',
    ];
    const otherSecret = [...strongSecret].reverse().join('');
    const HS256 = { GUICHET_JWT_ALG: 'HS256' };

    assert.deepEqual(linesOf({ GUICHET_JWT_ALG: 'ES256' }), []);
    assert.deepEqual(linesOf(HS256), missing);
    assert.deepEqual(linesOf({ ...HS256, GUICHET_JWT_SECRET: '' }), missing);
    assert.deepEqual(linesOf({ ...HS256, GUICHET_JWT_SECRET: strongSecret }), []);
    assert.deepEqual(linesOf({ GUICHET_SECRET: strongSecret, GUICHET_JWT_SECRET: strongSecret }), taken);
    assert.deepEqual(
      linesOf({
        GUICHET_SECRET: otherSecret,
        GUICHET_SECRET_PREVIOUS: strongSecret,
        GUICHET_JWT_SECRET: strongSecret,
      }),
      taken,
    );
    for (const weak of ['secret', 'x'.repeat(64), strongSecret.slice(1), `your-256-bit-secret-${strongSecret}`]) {
      assert.equal(linesOf({ ...HS256, GUICHET_JWT_SECRET: weak }).length, 1, weak);
    }
  });

  it('refuse two contracts at one place, while both answer', () => {
    const moved = { GUICHET_COOKIE_PREFIX: '/api/v1/auth' };

    assert.deepEqual(linesOf(moved), [
      'GUICHET_COOKIE_PREFIX is "/api/v1/auth"; accepted is another prefix than GUICHET_DEVICE_PREFIX',
    ]);
    assert.deepEqual(linesOf({ ...moved, GUICHET_CONTRACTS: 'cookie' }), []);
    assert.deepEqual(linesOf({ ...moved, GUICHET_DEVICE_PREFIX: '/v1/auth' }), []);
  });

  it('let the device contract’s tokens be signed as its documents show, unless told otherwise', () => {
    const { settings } = loadSettings({});

    assert.deepEqual(settings.GUICHET_CONTRACTS, ['device', 'bearer', 'cookie', 'sanctum']);
    assert.equal(settings.GUICHET_DEVICE_PREFIX, '/api/v1/auth');
    assert.deepEqual(
      [settings.GUICHET_JWT_ALG, settings.GUICHET_JWT_ISSUER, settings.GUICHET_JWT_AUDIENCE],
      ['ES256', 'AuthService', 'client'],
    );
    assert.equal(settings.GUICHET_SMS_BUDGET, 100);
    assert.equal(loadSettings({ GUICHET_SMS_BUDGET: '0' }).settings.GUICHET_SMS_BUDGET, 0);
  });

  it('tell which contracts sign with keys of their own', () => {
    const signing = (env: Record<string, string>) => derive(loadSettings(env).settings).signingContracts;

    assert.deepEqual(signing({}), ['device', 'cookie']);
    assert.deepEqual(signing({ GUICHET_JWT_ALG: 'HS256', GUICHET_JWT_SECRET: strongSecret }), ['cookie']);
    assert.deepEqual(signing({ GUICHET_CONTRACTS: 'device' }), ['device']);
  });

  it('are never shown where they are secret, right or wrong', () => {
    const canary = 'canary-4711';
    const { problems, report } = examineSettings({
      GUICHET_SECRET: `${canary}-too-weak-a-secret`,
      GUICHET_SECRET_PREVIOUS: `${strongSecret}${canary}`,
      GUICHET_JWT_SECRET: `${canary}${strongSecret}`,
      GUICHET_METRICS_TOKEN: canary,
      GUICHET_RECAPTCHA_SECRET: canary,
      GUICHET_DATABASE_URL: `postgres://guichet:${canary}@db/auth?password=${canary}`,
      GUICHET_MAIL_URL: `smtp://mailer:${canary}/${canary}@mail.example.org`,
    });

    assert.doesNotMatch(JSON.stringify({ problems, report }), /4711/);
    assert.equal(report.find(({ name }) => name === 'GUICHET_DATABASE_URL')?.value, 'postgres://guichet:***@db/auth?…');
  });

  it('take a webhook with its secret, or Twilio, as the way that SMS go', () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const right = (url: string) => linesOf({ GUICHET_SMS_URL: url, GUICHET_SMS_SECRET: secret }).length === 0;
    for (const url of [
      'https://sms.example.org/hook?tenant=7',
      'HTTPS://sms.example.org',
      'http://127.0.0.1:9999/hook',
      'http://localhost/hook',
      'http://[::1]:9999/',
      'twilio://AC12:token@+33700000000',
      'twilio://AC12:token@MG0123456789abcdef',
    ]) {
      assert.equal(right(url), true, url);
    }
    for (const url of [
      'http://sms.example.org/hook',
      'http://127.0.0.2/hook',
      'http://localhost.example.org/hook',
      'https://user:password@sms.example.org',
      'https://sms.example.org/#top',
      'https://sms.example.org/\n',
      'twilio://AC12@+33700000000',
      'twilio://token:AC12@+33700000000',
      'smtp://sms.example.org',
      'sms.example.org',
    ]) {
      assert.equal(right(url), false, url);
    }
    for (const wrong of [
      '',
      'whsec_',
      'whsec_!',
      secret.slice(6),
      `whsec_${'A'.repeat(28)}`,
      `whsec_${'A'.repeat(88)}`,
    ]) {
      assert.equal(linesOf({ GUICHET_SMS_URL: 'https://sms.example.org', GUICHET_SMS_SECRET: wrong }).length, 1, wrong);
    }
  });

  it('ask for a secret with an SMS webhook, and not with Twilio', () => {
    assert.deepEqual(linesOf({ GUICHET_SMS_URL: 'https://sms.example.org' }), [
      'GUICHET_SMS_SECRET is not set; a webhook as GUICHET_SMS_URL needs one to sign with, for example from: echo whsec_$(openssl rand -base64 32)',
    ]);
    assert.equal(linesOf({ GUICHET_SMS_URL: 'http://127.0.0.1:9999' }).length, 1);
    assert.deepEqual(linesOf({ GUICHET_SMS_URL: 'twilio://AC12:token@Guichet' }), []);
  });

  it('let SMS go to the phone region’s own country, until others are listed', () => {
    const { settings } = loadSettings({});
    assert.deepEqual([settings.GUICHET_PHONE_REGION, settings.GUICHET_SMS_COUNTRIES], ['FR', ['FR']]);
    assert.equal(settings.GUICHET_TWILIO_API_URL, 'https://api.twilio.com');
    assert.deepEqual(loadSettings({ GUICHET_PHONE_REGION: 'be' }).settings.GUICHET_SMS_COUNTRIES, ['BE']);
    assert.deepEqual(loadSettings({ GUICHET_SMS_COUNTRIES: 'fr, CH be' }).settings.GUICHET_SMS_COUNTRIES, [
      'FR',
      'CH',
      'BE',
    ]);
  });

  it('never show what an SMS URL keeps secret, in whatever order it is written', () => {
    const canary = 'canary4711';
    const shown = (url: string) =>
      JSON.stringify(examineSettings({ GUICHET_SMS_URL: url, GUICHET_SMS_SECRET: canary }));
    for (const url of [
      `twilio://AC12:${canary}@+33700000000`,
      `twilio://${canary}:AC12@+33700000000`,
      `twilio://AC12:${canary}`,
      'twilio://AC12:4711',
      `https://sms.example.org/hooks/${canary}?key=${canary}#${canary}`,
      `https://user:${canary}@sms.example.org`,
      `https://user:4711/${canary}@sms.example.org`,
    ]) {
      assert.doesNotMatch(shown(url), /4711/, url);
    }
    assert.match(shown(`https://sms.example.org/hooks/${canary}`), /"https:\/\/sms\.example\.org\/…"/);
    assert.match(shown(`twilio://AC12:${canary}@+33700000000`), /"twilio:\/\/AC12:\*\*\*@\+33700000000"/);
  });

  it('ask Google about reCAPTCHA’s tokens, or whoever else is named, with a secret that may be in a file', (t) => {
    const path = join(folderFor(t), 'secret');
    writeFileSync(path, 'from a file\n');
    const { settings } = loadSettings({ GUICHET_RECAPTCHA_SECRET_FILE: path });

    assert.equal(settings.GUICHET_RECAPTCHA_SECRET, 'from a file');
    assert.equal(settings.GUICHET_RECAPTCHA_URL, 'https://www.google.com/recaptcha/api/siteverify');
    assert.equal(loadSettings({}).settings.GUICHET_RECAPTCHA_SECRET, undefined);
    for (const url of [
      'https://www.recaptcha.net/recaptcha/api/siteverify',
      'http://127.0.0.1:9999/',
      'http://[::1]',
    ]) {
      assert.equal(loadSettings({ GUICHET_RECAPTCHA_URL: url }).settings.GUICHET_RECAPTCHA_URL, url);
    }
    for (const url of [
      'http://127.0.0.2/',
      'https://user@www.google.com/',
      'https://www.google.com/?secret=1',
      'ftp://127.0.0.1/',
      'www.google.com',
    ]) {
      assert.equal(linesOf({ GUICHET_RECAPTCHA_URL: url }).length, 1, url);
    }
  });

  it('tell where each value comes from', (t) => {
    const path = join(folderFor(t), 'token');
    writeFileSync(path, 'a token');
    const { report } = examineSettings({ PORT: '8080', GUICHET_METRICS_TOKEN_FILE: path });
    const sourceOf = (wanted: string) => report.find(({ name }) => name === wanted);

    assert.deepEqual(sourceOf('GUICHET_PORT'), {
      name: 'GUICHET_PORT',
      value: '8080',
      source: 'environment',
      variable: 'PORT',
    });
    assert.deepEqual(sourceOf('GUICHET_METRICS_TOKEN'), {
      name: 'GUICHET_METRICS_TOKEN',
      value: 'hidden (7 bytes)',
      source: 'file',
      variable: 'GUICHET_METRICS_TOKEN_FILE',
    });
    assert.equal(sourceOf('GUICHET_HOST')?.source, 'default');
  });

  it('know the networks that many people share, also in IPv6 spelling', () => {
    const { settings } = loadSettings({ GUICHET_SHARED_NETWORKS: '192.0.2.0/24, 2001:db8::/32 198.51.100.7' });
    const { isSharedNetwork } = derive(settings);

    assert.deepEqual(
      ['192.0.2.9', '::ffff:192.0.2.9', '2001:db8::1', '198.51.100.7', '198.51.100.8', '2001:db9::1', 'nonsense'].map(
        isSharedNetwork,
      ),
      [true, true, true, true, false, false, false],
    );
  });
});
