import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { derive } from '../../src/config/derived.ts';
import { examineSettings, loadSettings } from '../../src/config/load.ts';

const acme = {
  GUICHET_OIDC_ACME_ISSUER: 'https://login.acme.example/realms/staff/',
  GUICHET_OIDC_ACME_CLIENT_ID: 'guichet',
  GUICHET_OIDC_ACME_CLIENT_SECRET: 'canary-4711',
};

const providersOf = (env: Record<string, string>) => derive(loadSettings(env).settings).providers;
const problemsOf = (env: Record<string, string>) => examineSettings(env).problems;
const warningsOf = (env: Record<string, string>) => examineSettings(env).warnings;

describe('the settings of providers', () => {
  it('name none until some are given', () => {
    assert.deepEqual(providersOf({}), []);
    assert.deepEqual(providersOf({ GUICHET_GITHUB_BASE_URL: 'https://github.acme.example' }), []);
  });

  it('make GitHub one by its client id and secret, and move it where an enterprise has its own', () => {
    const client = { GUICHET_GITHUB_CLIENT_ID: 'Iv1.8a61', GUICHET_GITHUB_CLIENT_SECRET: 'canary-4711' };
    const github = { kind: 'github', name: 'github', clientId: 'Iv1.8a61', clientSecret: 'canary-4711' };

    assert.deepEqual(providersOf(client), [
      { ...github, baseUrl: 'https://github.com', apiUrl: 'https://api.github.com' },
    ]);
    assert.deepEqual(
      providersOf({
        ...client,
        GUICHET_GITHUB_BASE_URL: 'https://GitHub.acme.example/',
        GUICHET_GITHUB_API_URL: 'https://github.acme.example/api/v3/',
      }),
      [{ ...github, baseUrl: 'https://github.acme.example', apiUrl: 'https://github.acme.example/api/v3' }],
    );
  });

  it('let Google speak for gmail.com and for the domains it hosts', () => {
    assert.deepEqual(providersOf({ GUICHET_GOOGLE_CLIENT_ID: 'id', GUICHET_GOOGLE_CLIENT_SECRET: 'secret' }), [
      {
        kind: 'oidc',
        name: 'google',
        clientId: 'id',
        clientSecret: 'secret',
        issuer: 'https://accounts.google.com',
        emailDomains: ['gmail.com'],
        hostedDomain: true,
      },
    ]);
  });

  it('take any number of issuers, by names that become lower case, and keep each issuer as it writes itself', () => {
    const providers = providersOf({
      ...acme,
      GUICHET_OIDC_ACME_EMAIL_DOMAINS: 'ACME.example, bücher.example',
      GUICHET_OIDC_CONSTRUCTOR_ISSUER: 'http://127.0.0.1:9000',
      GUICHET_OIDC_CONSTRUCTOR_CLIENT_ID: 'other',
      GUICHET_OIDC_CONSTRUCTOR_CLIENT_SECRET: 'secret',
    });

    assert.deepEqual(providers, [
      {
        kind: 'oidc',
        name: 'acme',
        clientId: 'guichet',
        clientSecret: 'canary-4711',
        issuer: 'https://login.acme.example/realms/staff/',
        emailDomains: ['acme.example', 'xn--bcher-kva.example'],
        hostedDomain: false,
      },
      {
        kind: 'oidc',
        name: 'constructor',
        clientId: 'other',
        clientSecret: 'secret',
        issuer: 'http://127.0.0.1:9000',
        emailDomains: [],
        hostedDomain: false,
      },
    ]);
  });

  it('are read from files where they are secret', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'guichet-providers-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'secret');
    writeFileSync(path, 'from a file\n');
    const { GUICHET_OIDC_ACME_CLIENT_SECRET: _, ...rest } = acme;
    const env = { ...rest, GUICHET_OIDC_ACME_CLIENT_SECRET_FILE: path };

    assert.deepEqual(warningsOf(env), []);
    assert.equal(providersOf(env)[0]?.clientSecret, 'from a file');
  });

  it('are refused when half of them is given, with a line for each that is missing', () => {
    assert.deepEqual(problemsOf({ GUICHET_GITHUB_CLIENT_ID: 'id', GUICHET_GOOGLE_CLIENT_SECRET: 'secret' }), [
      'GUICHET_GITHUB_CLIENT_SECRET is not set; it is needed beside GUICHET_GITHUB_CLIENT_ID',
      'GUICHET_GOOGLE_CLIENT_ID is not set; it is needed beside GUICHET_GOOGLE_CLIENT_SECRET',
    ]);
    assert.deepEqual(problemsOf({ GUICHET_OIDC_ACME_EMAIL_DOMAINS: 'acme.example' }), [
      'GUICHET_OIDC_ACME_ISSUER is not set; it is needed beside GUICHET_OIDC_ACME_EMAIL_DOMAINS',
      'GUICHET_OIDC_ACME_CLIENT_ID is not set; it is needed beside GUICHET_OIDC_ACME_EMAIL_DOMAINS',
      'GUICHET_OIDC_ACME_CLIENT_SECRET is not set; it is needed beside GUICHET_OIDC_ACME_EMAIL_DOMAINS',
    ]);
    assert.deepEqual(problemsOf({ ...acme, GUICHET_OIDC_ACME_CLIENT_ID: '' }), [
      'GUICHET_OIDC_ACME_CLIENT_ID is not set; it is needed beside GUICHET_OIDC_ACME_ISSUER',
    ]);
    assert.deepEqual(problemsOf(Object.fromEntries(Object.keys(acme).map((name) => [name, '']))), []);
  });

  it('are refused with the name of a provider that has settings of its own', () => {
    assert.deepEqual(problemsOf({ GUICHET_OIDC_GOOGLE_ISSUER: 'https://accounts.google.com' }), [
      'GUICHET_OIDC_GOOGLE_ISSUER is set; accepted is another name in it than GITHUB and GOOGLE',
    ]);
  });

  it('are refused by the variable’s own name when one is wrong', () => {
    assert.deepEqual(
      problemsOf({
        GUICHET_GITHUB_BASE_URL: 'http://github.acme.example',
        GUICHET_GITHUB_API_URL: 'https://github.acme.example/api?v=3',
        GUICHET_GOOGLE_ISSUER: 'https://accounts.google.com/.well-known/openid-configuration',
        ...acme,
        GUICHET_OIDC_ACME_CLIENT_SECRET: 'canary\n4711',
        GUICHET_OIDC_ACME_EMAIL_DOMAINS: 'acme.example,*.acme.example',
      }),
      [
        'GUICHET_GITHUB_BASE_URL is "http://github.acme.example"; accepted is an https URL without a path (http on this machine only)',
        'GUICHET_GITHUB_API_URL is "https://github.acme.example/api?v=3"; accepted is an https URL (http on this machine only)',
        'GUICHET_GOOGLE_ISSUER is "https://accounts.google.com/.well-known/openid-configuration"; accepted is an https URL (http on this machine only) without a query, and without /.well-known/…',
        'GUICHET_OIDC_ACME_CLIENT_SECRET is hidden (11 bytes); accepted is any text',
        'GUICHET_OIDC_ACME_EMAIL_DOMAINS is "acme.example,*.acme.example"; accepted is domains with commas between them, such as example.org',
      ],
    );
    for (const issuer of [
      'http://login.acme.example',
      'https://user@login.acme.example',
      'https://login.acme.example/#a',
      'login.acme.example',
      'https://login.acme.example/ x',
    ]) {
      assert.equal(problemsOf({ ...acme, GUICHET_OIDC_ACME_ISSUER: issuer }).length, 1, issuer);
    }
    for (const domain of [
      'com',
      '127.0.0.1',
      'ada@acme.example',
      'acme.example/x',
      'https://acme.example',
      '-.example',
    ]) {
      assert.equal(problemsOf({ ...acme, GUICHET_OIDC_ACME_EMAIL_DOMAINS: domain }).length, 1, domain);
    }
  });

  it('warn of a mistyped one, and name what was meant', () => {
    assert.deepEqual(
      warningsOf({
        ...acme,
        GUICHET_OIDC_ACME_EMAIL_DOMAIN: 'acme.example',
        GUICHET_OIDC_BETA_ISUER: 'https://login.beta.example',
        GUICHET_OIDC_MY_IDP_CLIENT_ID: 'underscores part the name from the rest',
        GUICHET_OIDC_gamma_ISSUER: 'https://login.gamma.example',
        GUICHET_OIDC_ACME_CLIENT_ID_FILE: 'no secret',
      }),
      [
        'GUICHET_OIDC_ACME_CLIENT_ID_FILE is not a setting and is ignored',
        'GUICHET_OIDC_ACME_EMAIL_DOMAIN is not a setting and is ignored; did you mean GUICHET_OIDC_ACME_EMAIL_DOMAINS?',
        'GUICHET_OIDC_BETA_ISUER is not a setting and is ignored; did you mean GUICHET_OIDC_BETA_ISSUER?',
        'GUICHET_OIDC_MY_IDP_CLIENT_ID is not a setting and is ignored',
        'GUICHET_OIDC_gamma_ISSUER is not a setting and is ignored',
      ],
    );
  });

  it('are shown by their own names, without their secrets', () => {
    const { report } = examineSettings(acme);

    assert.deepEqual(
      report.filter(({ name }) => name.includes('OIDC')).map(({ name, value, source }) => [name, value, source]),
      [
        ['GUICHET_OIDC_ACME_ISSUER', 'https://login.acme.example/realms/staff/', 'environment'],
        ['GUICHET_OIDC_ACME_CLIENT_ID', 'guichet', 'environment'],
        ['GUICHET_OIDC_ACME_CLIENT_SECRET', 'hidden (11 bytes)', 'environment'],
        ['GUICHET_OIDC_ACME_EMAIL_DOMAINS', null, 'default'],
      ],
    );
    assert.doesNotMatch(JSON.stringify(report), /canary/);
  });
});
