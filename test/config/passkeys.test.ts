import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { derive } from '../../src/config/derived.ts';
import { examineSettings, loadSettings } from '../../src/config/load.ts';

const PRODUCTION = {
  GUICHET_PUBLIC_URL: 'https://auth.example.org',
  GUICHET_SECRET: 'vN3kQ8xWz5RbYt1LmC7dHf2GpJ6sAe9U',
  GUICHET_MAIL_URL: 'smtp://mail.example.org',
  GUICHET_TRUST_PROXY: 'none',
};
const settingsOf = (env: Record<string, string>) => loadSettings({ ...PRODUCTION, ...env }).settings;

describe('the domain that passkeys belong to', () => {
  it('is the public URL’s host unless another is named', () => {
    assert.equal(settingsOf({}).GUICHET_PASSKEY_RP_ID, 'auth.example.org');
    assert.equal(loadSettings({}).settings.GUICHET_PASSKEY_RP_ID, 'localhost');
    assert.equal(settingsOf({ GUICHET_PASSKEY_RP_ID: 'Example.ORG' }).GUICHET_PASSKEY_RP_ID, 'example.org');
  });

  it('may be that host, a domain above it, or localhost, and nothing that only looks like it', () => {
    const problemsWith = (GUICHET_PASSKEY_RP_ID: string, url = PRODUCTION.GUICHET_PUBLIC_URL) =>
      examineSettings({ ...PRODUCTION, GUICHET_PUBLIC_URL: url, GUICHET_PASSKEY_RP_ID }).problems;
    for (const domain of ['auth.example.org', 'example.org', 'localhost']) assert.deepEqual(problemsWith(domain), []);
    for (const domain of [
      'org',
      'ample.org',
      'h.example.org',
      'login.auth.example.org',
      'app.example.org',
      'example.net',
      'example.org.',
      '.example.org',
      'auth.example.org.evil.example',
    ]) {
      assert.equal(problemsWith(domain).length, 1, domain);
      assert.match(problemsWith(domain)[0] ?? '', /^GUICHET_PASSKEY_RP_ID is /, domain);
    }
    assert.deepEqual(problemsWith('example.net'), [
      'GUICHET_PASSKEY_RP_ID is "example.net"; accepted is auth.example.org, a parent domain of it such as example.org, or localhost',
    ]);
    assert.equal(problemsWith('0.1', 'https://192.0.0.1').length, 1, 'an address has no parent');
    assert.deepEqual(problemsWith('192.0.0.1', 'https://192.0.0.1'), []);
  });

  it('is not judged where the public URL itself is wrong', () => {
    const { problems } = examineSettings({ GUICHET_PUBLIC_URL: 'example.org', GUICHET_PASSKEY_RP_ID: 'example.org' });
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? '', /^GUICHET_PUBLIC_URL /);
  });
});

describe('the origins that passkeys may be used on', () => {
  it('are the public URL’s, the allowed ones and the related ones, which are allowed nothing else', () => {
    const { isAllowedOrigin, isPasskeyOrigin } = derive(
      settingsOf({
        GUICHET_ALLOWED_ORIGINS: 'https://app.example.org',
        GUICHET_PASSKEY_ORIGINS: 'https://App.Example.net:443, http://localhost:5173',
      }),
    );
    for (const origin of ['https://auth.example.org', 'https://app.example.org']) {
      assert.equal(isPasskeyOrigin(origin), true);
      assert.equal(isAllowedOrigin(origin), true);
    }
    for (const origin of ['https://app.example.net', 'http://localhost:5173']) {
      assert.equal(isPasskeyOrigin(origin), true);
      assert.equal(isAllowedOrigin(origin), false);
    }
    for (const origin of ['https://evil.example', 'https://app.example.net/', 'http://localhost:5174', 'null', '']) {
      assert.equal(isPasskeyOrigin(origin), false, origin);
    }
  });
});

describe('the pages where people add and manage passkeys', () => {
  it('are https, or on this machine, and hold no credentials', () => {
    const isTaken = (url: string): boolean =>
      examineSettings({ ...PRODUCTION, GUICHET_PASSKEY_MANAGE_URL: url }).problems.length === 0;
    for (const url of ['https://app.example.org/passkeys?from=manager#add', 'http://localhost:5173/passkeys']) {
      assert.equal(isTaken(url), true, url);
    }
    for (const url of [
      'http://app.example.org/passkeys',
      'https://ada:secret@app.example.org/passkeys',
      'javascript:alert(1)',
      'data:text/html,passkeys',
      '//app.example.org/passkeys',
      'passkeys',
      'https://app.example.org/\npasskeys',
    ]) {
      assert.equal(isTaken(url), false, url);
    }
  });
});
