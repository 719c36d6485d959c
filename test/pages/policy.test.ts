import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pagePolicy } from '../../src/pages/policy.ts';

const formAction = (...origins: string[]): string | undefined => / form-action ([^;]*);/.exec(pagePolicy(origins))?.[1];

describe('the policy of a page', () => {
  it('lets a form go to our own origin, and on to those that are named', () => {
    assert.equal(formAction(), "'self'");
    assert.equal(formAction('https://app.example'), "'self' https://app.example");
    const several = ['http://localhost:5173', 'http://127.0.0.1:3000', 'https://my_app.example:8443'];
    assert.equal(formAction(...several), `'self' ${several.join(' ')}`);
    assert.equal(formAction('https://app.example', 'https://app.example'), "'self' https://app.example");
  });

  it('names the scheme of an IPv6 address, which it cannot name itself', () => {
    assert.equal(formAction('http://[::1]:5173'), "'self' http:");
    assert.equal(formAction('https://[2001:db8::7]'), "'self' https:");
  });

  it('takes nothing but origins as browsers write them', () => {
    const hostile = [
      '',
      '*',
      'https:',
      'https://*',
      'https://*.example',
      'https://app.example/',
      'https://app.example/path',
      'https://app.example:443',
      'https://app.example:99999',
      'https://APP.example',
      'https://app.example; script-src *',
      'https://a;b.example',
      "https://a.example'unsafe-inline'",
      'https://a.example https://b.example',
      'https://a.example,b.example',
      'https://a.example\r\nSet-Cookie: x=y',
      'https://user@app.example',
      'https://ünicode.example',
      'http://[::1]:5173/',
      'http://[::1;]',
      'http://2130706433',
      'null',
      'javascript:alert(1)',
      'data:text/html,x',
      'ws://app.example',
      "'unsafe-inline'",
    ];
    for (const origin of hostile) assert.throws(() => pagePolicy([origin]), TypeError, origin);
  });
});
