import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { derive } from '../../src/config/derived.ts';
import { loadSettings } from '../../src/config/load.ts';

const allows = (env: Record<string, string>) => derive(loadSettings(env).settings).isAllowedOrigin;

/** Spellings that a careless comparison takes for `https://app.example.org` or for this machine. */
const hostile = [
  'null',
  '',
  '*',
  'https://app.example.org/',
  'https://app.example.org.evil.example',
  'https://evil.example/https://app.example.org',
  'https://app.example.org@evil.example',
  'https://evil.example#https://app.example.org',
  'https://evil.example?https://app.example.org',
  'https://evilapp.example.org',
  'https://app-example.org',
  'https://app.example.org:444',
  'https://app.example.org:443',
  'http://app.example.org',
  'HTTPS://APP.EXAMPLE.ORG',
  'https://app.example.org.',
  'https://app.example.org ',
  ' https://app.example.org',
  'https://app.example.org\t',
  'https://app\n.example.org',
  'https:\\\\app.example.org',
  'https://app.example.org, https://evil.example',
  'https://user:password@app.example.org',
  'https://app。example。org',
  'https://аpp.example.org',
  'blob:https://app.example.org/1',
  'file://',
  '//app.example.org',
  'app.example.org',
];

const hostileOnThisMachine = [
  'http://localhost.evil.example',
  'http://evil-localhost',
  'http://localhost@evil.example',
  'http://localhost.:3000',
  'http://127.0.0.1.nip.example',
  'http://127.1:3000',
  'http://2130706433:3000',
  'http://0x7f.0.0.1:3000',
  'http://127.0.0.2:3000',
  'http://0.0.0.0:3000',
  'http://[::]:3000',
  'http://[0:0:0:0:0:0:0:1]:3000',
  'http://[::ffff:127.0.0.1]:3000',
  'http://LOCALHOST:3000',
  'http://localhost:80',
  'http://localhost:3000/',
  'http://localhost:99999',
  'ftp://localhost',
  'chrome-extension://localhost',
  'localhost:3000',
];

describe('allowed origins', () => {
  it('are in development mode those of this machine, whatever the port', () => {
    const isAllowed = allows({});

    for (const origin of ['http://localhost:5173', 'https://localhost', 'http://127.0.0.1:8080', 'http://[::1]:3000']) {
      assert.equal(isAllowed(origin), true, origin);
    }
  });

  it('are the listed ones alone once they are set, and always the public URL’s own', () => {
    const isAllowed = allows({ GUICHET_ALLOWED_ORIGINS: 'https://app.example.org' });

    assert.equal(isAllowed('https://app.example.org'), true);
    assert.equal(isAllowed('http://localhost:3000'), true);
    assert.equal(isAllowed('http://localhost:5173'), false);
  });

  it('are no loopback ones in production', () => {
    const isAllowed = allows({
      GUICHET_PUBLIC_URL: 'https://auth.example.org',
      GUICHET_SECRET: 'vN3kQ8xWz5RbYt1LmC7dHf2GpJ6sAe9U',
      GUICHET_MAIL_URL: 'smtp://mail.example.org',
      GUICHET_TRUST_PROXY: 'none',
    });

    assert.equal(isAllowed('https://auth.example.org'), true);
    assert.equal(isAllowed('http://localhost:3000'), false);
  });

  it('are none that only look like a listed one', () => {
    const isAllowed = allows({ GUICHET_ALLOWED_ORIGINS: 'https://app.example.org' });

    for (const origin of [...hostile, ...hostileOnThisMachine]) assert.equal(isAllowed(origin), false, origin);
  });

  it('are none that only look like this machine', () => {
    const isAllowed = allows({});

    for (const origin of [...hostile, ...hostileOnThisMachine]) assert.equal(isAllowed(origin), false, origin);
  });
});
