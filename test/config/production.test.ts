import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { derive } from '../../src/config/derived.ts';
import { examineSettings, loadSettings } from '../../src/config/load.ts';

const complete = {
  GUICHET_PUBLIC_URL: 'https://auth.example.org',
  GUICHET_SECRET: 'vN3kQ8xWz5RbYt1LmC7dHf2GpJ6sAe9U',
  GUICHET_MAIL_URL: 'smtp://mail.example.org',
  GUICHET_TRUST_PROXY: 'none',
};

const problems = (change: Record<string, string>) => examineSettings({ ...complete, ...change }).problems;

describe('production mode', () => {
  it('holds for every public URL that is not on this machine, and for NODE_ENV=production', () => {
    const modeOf = (change: Record<string, string>) => derive(loadSettings({ ...complete, ...change }).settings).mode;

    assert.equal(modeOf({}), 'production');
    assert.equal(modeOf({ GUICHET_PUBLIC_URL: 'https://localhost.example.org' }), 'production');
    assert.equal(modeOf({ GUICHET_PUBLIC_URL: 'http://localhost:3000', NODE_ENV: 'production' }), 'production');
    assert.equal(modeOf({ GUICHET_PUBLIC_URL: 'http://localhost:3000', NODE_ENV: 'test' }), 'development');
    assert.equal(modeOf({ GUICHET_PUBLIC_URL: 'http://127.0.0.1:3000' }), 'development');
    assert.equal(modeOf({ GUICHET_PUBLIC_URL: 'http://[::1]:3000' }), 'development');
  });

  it('starts when everything it asks for is said', () => {
    const { settings } = loadSettings(complete);

    assert.equal(settings.GUICHET_DOCS, false);
    assert.equal(derive(settings).developmentMailbox, false);
    assert.equal(derive(settings).secure, true);
  });

  it('starts without a way to send SMS, and then has none to offer', () => {
    const available = (env: Record<string, string>) => derive(loadSettings(env).settings).smsAvailable;

    assert.equal(available(complete), false);
    assert.equal(available({ ...complete, GUICHET_SMS_URL: 'twilio://AC12:token@+33700000000' }), true);
    assert.equal(available({}), true);
    // Without the development mailbox nobody would see them.
    assert.equal(available({ GUICHET_MAIL_URL: 'smtp://127.0.0.1:2525' }), false);
  });

  it('mails links to an application only where browsers may call from', () => {
    const spa = (url: string, more: Record<string, string> = {}) => problems({ GUICHET_SANCTUM_SPA_URL: url, ...more });
    const listed = { GUICHET_ALLOWED_ORIGINS: 'https://app.example.org' };
    const refused = (url: string) =>
      `GUICHET_SANCTUM_SPA_URL is "${url}"; accepted is the public URL or one of GUICHET_ALLOWED_ORIGINS`;

    assert.deepEqual(spa('https://auth.example.org'), []);
    assert.deepEqual(spa('https://App.Example.org/', listed), []);
    assert.deepEqual(spa('https://app.example.org'), [refused('https://app.example.org')]);
    assert.deepEqual(spa('https://app.example.org:444', listed), [refused('https://app.example.org:444')]);
    assert.deepEqual(spa('http://localhost:5173', listed), [refused('http://localhost:5173')]);
    for (const url of ['http://app.example.org', 'https://app.example.org/path', 'https://app.example.org?x', 'app']) {
      assert.match(spa(url, listed)[0] ?? '', /^GUICHET_SANCTUM_SPA_URL is ".*"; accepted is the public URL or one of/);
    }
    // What is wrong with the list has its line already.
    assert.equal(spa('https://app.example.org', { GUICHET_ALLOWED_ORIGINS: '*' }).length, 1);
    assert.equal(loadSettings(complete).settings.GUICHET_SANCTUM_SPA_URL, 'https://auth.example.org');
    assert.equal(examineSettings({ GUICHET_SANCTUM_SPA_URL: 'http://localhost:5173' }).problems.length, 0);
  });

  it('names all that is missing at once', () => {
    const { problems } = examineSettings({
      GUICHET_PUBLIC_URL: 'https://auth.example.org',
      GUICHET_RATE_LIMITS: 'off',
    });

    assert.deepEqual(
      problems.map((line) => line.split(' ')[0]),
      ['GUICHET_SECRET', 'GUICHET_MAIL_URL', 'GUICHET_RATE_LIMITS', 'GUICHET_TRUST_PROXY'],
    );
  });

  it('refuses an http public URL on another host, and allows one on this machine', () => {
    assert.deepEqual(problems({ GUICHET_PUBLIC_URL: 'http://auth.example.org' }), [
      'GUICHET_PUBLIC_URL is "http://auth.example.org"; accepted in production is an https URL',
    ]);
    assert.deepEqual(problems({ GUICHET_PUBLIC_URL: 'http://localhost:3000', NODE_ENV: 'production' }), []);
  });

  it('refuses a weak secret once, not also as missing', () => {
    assert.equal(problems({ GUICHET_SECRET: 'too short' }).length, 1);
  });

  it('asks for its secret also when the public URL is wrong and NODE_ENV says production', () => {
    const { problems } = examineSettings({ NODE_ENV: 'production', GUICHET_PUBLIC_URL: 'auth.example.org' });

    assert.deepEqual(
      problems.map((line) => line.split(' ')[0]),
      ['GUICHET_PUBLIC_URL', 'GUICHET_SECRET', 'GUICHET_MAIL_URL'],
    );
  });
});
