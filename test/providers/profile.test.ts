import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { emailFrom, nameFrom, pictureFrom } from '../../src/providers/profile.ts';

describe('what a provider says of somebody', () => {
  it('is a name on one line, of 255 characters at most', () => {
    assert.equal(nameFrom('  Ada\r\n\tLovelace\u2028,\u0000 Countess '), 'Ada Lovelace , Countess');
    assert.equal(nameFrom('é'.repeat(300)), 'é'.repeat(255));
    assert.equal([...(nameFrom('😀'.repeat(300)) ?? '')].length, 255);
    assert.equal(nameFrom(`Ada\ud800`)?.isWellFormed(), true);
    assert.equal(nameFrom('\u0007'), null);
    assert.equal(nameFrom({ toString: () => 'Ada' }), null);
  });

  it('is a picture by https, or by http on this machine', () => {
    const longest = `https://a.example/${'a'.repeat(2048 - 'https://a.example/'.length)}`;
    for (const picture of ['https://a.example/a?s=96', 'http://127.0.0.1:9000/a', 'http://localhost/a', longest]) {
      assert.equal(pictureFrom(picture), picture);
    }
    for (const picture of [
      'http://a.example/a',
      '//a.example/a',
      'a.png',
      'data:image/svg+xml,<svg onload="alert(1)">',
      'javascript:alert(1)',
      'https://user:password@a.example/a',
      `${longest}a`,
      `https://a.example/${'é'.repeat(1000)}`,
      '',
      7,
    ]) {
      assert.equal(pictureFrom(picture), null, String(picture).slice(0, 40));
    }
    assert.equal(pictureFrom('https://a.example/"><script>'), 'https://a.example/%22%3E%3Cscript%3E');
  });

  it('is an address in its one form, or none', () => {
    assert.equal(emailFrom('Ada@Example.com'), 'ada@example.com');
    assert.equal(emailFrom(`${'a'.repeat(243)}@example.com`), null);
    assert.equal(emailFrom('ada\0@example.com'), null);
    assert.equal(emailFrom(''), null);
  });
});

describe('the library that speaks to providers', () => {
  it('is not loaded before somebody signs in with one', () => {
    const provider = new URL('../../src/providers/identity-providers.ts', import.meta.url);
    const script = `
      import { registerHooks } from 'node:module';
      const loaded = [];
      registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
      const { identityProviders } = await import(${JSON.stringify(provider.href)});
      const settings = { kind: 'github', name: 'github', clientId: 'a', clientSecret: 'b' };
      const providers = [{ ...settings, baseUrl: 'https://github.com', apiUrl: 'https://api.github.com' }];
      const service = identityProviders({ providers, callbackUrl: () => 'http://localhost:3000/callback' });
      const heavy = () => loaded.some((url) => /openid-client|oauth4webapi|jose/.test(url));
      const before = heavy();
      await service.authorizationUrl('github', { state: 'a', nonce: 'b', codeVerifier: 'c' });
      console.log(JSON.stringify([before, heavy()]));
    `;

    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });

    assert.deepEqual(JSON.parse(output), [false, true]);
  });
});
