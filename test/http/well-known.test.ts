import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openWorld } from '../support/world.ts';

type Opening = Parameters<typeof openWorld>[0];

async function ask(t: Opening, path: string, env: Record<string, string> = {}) {
  const app = await (await openWorld(t, { env })).server();
  return app.inject({ url: path, headers: { host: 'localhost' } });
}

/** As the set of keys is: for everybody, for five minutes, and from any page. */
function assertPublished({ headers }: { headers: Record<string, unknown> }): void {
  assert.match(String(headers['content-type']), /^application\/json\b/);
  assert.equal(headers['cache-control'], 'public, max-age=300');
  assert.equal(headers['access-control-allow-origin'], '*');
  assert.equal(headers['cross-origin-resource-policy'], 'cross-origin');
  assert.equal(headers['x-content-type-options'], 'nosniff');
}

describe('/.well-known/passkey-endpoints', () => {
  it('names the pages where people add and manage passkeys', async (t) => {
    const enroll = 'https://app.example.org/passkeys/new';
    const manage = 'https://app.example.org/passkeys';
    const env = { GUICHET_PASSKEY_ENROLL_URL: enroll, GUICHET_PASSKEY_MANAGE_URL: manage };
    const answer = await ask(t, '/.well-known/passkey-endpoints', env);
    assert.equal(answer.statusCode, 200);
    assert.deepEqual(answer.json(), { enroll, manage });
    assertPublished(answer);
  });

  it('names one without the other', async (t) => {
    const manage = 'http://localhost:5173/passkeys';
    const answer = await ask(t, '/.well-known/passkey-endpoints', { GUICHET_PASSKEY_MANAGE_URL: manage });
    assert.deepEqual(answer.json(), { manage });
  });

  it('is an empty object where none is known', async (t) => {
    const answer = await ask(t, '/.well-known/passkey-endpoints');
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.body, '{}');
    assertPublished(answer);
  });
});

describe('/.well-known/webauthn', () => {
  it('lists the related origins as browsers spell them, and no other', async (t) => {
    const answer = await ask(t, '/.well-known/webauthn', {
      GUICHET_ALLOWED_ORIGINS: 'https://app.example.org',
      GUICHET_PASSKEY_ORIGINS: 'https://App.Example.net, https://example.com:8443/',
    });
    assert.equal(answer.statusCode, 200);
    assert.deepEqual(answer.json(), { origins: ['https://app.example.net', 'https://example.com:8443'] });
    assertPublished(answer);
  });

  it('is not there where none is configured', async (t) => {
    const answer = await ask(t, '/.well-known/webauthn');
    assert.equal(answer.statusCode, 404);
    assert.equal(answer.headers['cache-control'], 'no-store');
  });
});
