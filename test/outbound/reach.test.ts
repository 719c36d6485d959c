import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isPublicAddress, publicLookup, reachOf } from '../../src/outbound/reach.ts';

const allows = (reach: ReturnType<typeof reachOf>, url: string): boolean => reach.allows(new URL(url));

describe('R146: the reach of a provider', () => {
  it('of the internet is https at public hosts', () => {
    const reach = reachOf('https://login.acme.example/realms/staff');
    for (const url of [
      'https://login.acme.example/token',
      'https://oauth2.example.com/token',
      'https://oauth2.example.com:8443/token',
      'https://93.184.215.14/token',
      'https://[2606:4700::1111]/token',
      'https://localhost.example.com/token',
    ]) {
      assert.equal(allows(reach, url), true, url);
    }
    for (const url of [
      'http://login.acme.example/token',
      'http://oauth2.example.com/token',
      'https://user:password@oauth2.example.com/token',
      'https://user@login.acme.example/token',
      'https://localhost/token',
      'https://LOCALHOST./token',
      'https://a.localhost/token',
      'http://127.0.0.1/token',
      'http://[::1]/token',
      'https://127.0.0.1/token',
      'https://127.1/token',
      'https://2130706433/token',
      'https://0x7f000001/token',
      'https://0177.0.0.1/token',
      'https://0/token',
      'https://10.0.0.1/token',
      'https://172.16.0.1/token',
      'https://192.168.1.1/token',
      'https://100.64.0.1/token',
      'https://169.254.169.254/latest/meta-data',
      'https://[::1]/token',
      'https://[::]/token',
      'https://[::ffff:127.0.0.1]/token',
      'https://[::ffff:a9fe:a9fe]/token',
      'https://[::127.0.0.1]/token',
      'https://[64:ff9b::7f00:1]/token',
      'https://[fe80::1]/token',
      'https://[fd00::1]/token',
      'https://[2002:7f00:1::]/token',
      'ftp://oauth2.example.com/token',
      'file:///etc/passwd',
      'javascript:alert(1)',
      'data:text/html,x',
    ]) {
      assert.equal(allows(reach, url), false, url);
    }
  });

  it('of a private network is where the settings place it, and otherwise public hosts', () => {
    const reach = reachOf('https://10.0.0.5:9031');

    assert.equal(allows(reach, 'https://10.0.0.5:9031/token'), true);
    assert.equal(reach.lookupFor(new URL('https://10.0.0.5:9031/token')), undefined);
    assert.equal(allows(reach, 'https://10.0.0.5/token'), false);
    assert.equal(allows(reach, 'http://10.0.0.5:9031/token'), false);
    assert.equal(allows(reach, 'https://10.0.0.6:9031/token'), false);
  });

  it('of this machine, by plain http, is others of its kind', () => {
    const reach = reachOf('http://127.0.0.1:9000');

    assert.equal(allows(reach, 'http://localhost:9001/token'), true);
    assert.equal(allows(reach, 'https://oauth2.example.com/token'), true);
    assert.equal(allows(reach, 'http://10.0.0.1/token'), false);
    assert.equal(allows(reach, 'https://127.0.0.1:9001/token'), false);
    assert.equal(allows(reach, 'http://127.0.0.2:9000/token'), false);
  });

  it('is not widened by one part of a provider that is on this machine', () => {
    assert.equal(
      allows(reachOf('https://github.example.com', 'http://127.0.0.1:9000'), 'http://127.0.0.1:9001/'),
      false,
    );
  });

  it('looks up again what is not its own, and refuses names of this machine', async () => {
    const reach = reachOf('https://login.acme.example');
    assert.equal(reach.lookupFor(new URL('https://login.acme.example/token')), undefined);
    assert.equal(reach.lookupFor(new URL('https://oauth2.example.com/token')), publicLookup);
    for (const all of [true, false]) {
      const found = await new Promise((resolve) => publicLookup('localhost', { all }, resolve));
      assert.equal((found as { code?: string } | null)?.code, 'NOT_PUBLIC');
    }
    const found = await new Promise((resolve) =>
      publicLookup('93.184.215.14', {}, (error, address, family) => resolve([error, address, family])),
    );
    assert.deepEqual(found, [null, '93.184.215.14', 4]);
  });

  it('takes an IPv4 address behind a translator for what it is', () => {
    assert.equal(isPublicAddress('64:ff9b::5db8:d70e'), true);
    assert.equal(isPublicAddress('64:ff9b::a9fe:a9fe'), false);
    assert.equal(isPublicAddress('nonsense'), false);
  });
});
