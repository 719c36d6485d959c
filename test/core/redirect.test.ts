import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { derive } from '../../src/config/derived.ts';
import { loadSettings } from '../../src/config/load.ts';
import { readRedirect, withParameter } from '../../src/core/redirect.ts';
import type { Policy } from '../../src/core/world.ts';
import { goodRedirects, hostileRedirects } from './hostile-redirects.ts';

/** What the settings make of it, as a server of theirs would. */
const worldOf = (env: Record<string, string>) => {
  const { isAllowedOrigin } = derive(loadSettings(env).settings);
  return { policy: { isAllowedOrigin } as Policy };
};
const LISTED = 'https://app.example.com';
const LISTING = { GUICHET_ALLOWED_ORIGINS: `${LISTED},https://admin.example.com:8443` };
const modes = [
  { mode: 'development mode', origin: 'http://localhost:5173', world: worldOf({}), anyPort: true },
  { mode: 'development mode', origin: 'https://localhost:8443', world: worldOf({}), anyPort: true },
  { mode: 'a list of origins', origin: LISTED, world: worldOf(LISTING), anyPort: false },
];
const refused = { code: 'input_rejected', facts: { fields: { redirectUrl: 'malformed' } } };

for (const { anyPort, mode, origin, world } of modes) {
  describe(`a return below ${origin}, with ${mode}`, () => {
    it('is refused in every hostile spelling (R058)', () => {
      const spellings = hostileRedirects(origin, { anyPort });
      assert.ok(spellings.length >= 60, String(spellings.length));
      for (const { plays, text } of spellings) {
        assert.throws(() => readRedirect(world, text), refused, `${plays}: ${JSON.stringify(text)}`);
      }
    });

    it('is taken as it is where it begins with the origin, letter for letter', () => {
      for (const text of goodRedirects(origin)) assert.equal(readRedirect(world, text), text);
    });

    it('keeps its query and fragment byte for byte when something is said with it', () => {
      for (const text of goodRedirects(origin)) {
        const [before = '', fragment] = text.split('#');
        const [path, ...query] = before.split('?');
        const said = withParameter(text, 'code', 'AbC-_09');
        const kept = query.length > 0 ? `${path}?${query.join('?')}&code=AbC-_09` : `${path}?code=AbC-_09`;
        assert.equal(said, fragment === undefined ? kept : `${kept}#${fragment}`);
        const read = new URL(said);
        assert.deepEqual(read.searchParams.getAll('code'), ['AbC-_09']);
        assert.equal(read.hash, new URL(text).hash);
      }
    });
  });
}

describe('a return', () => {
  it('may be left out', () => {
    assert.equal(readRedirect(worldOf({}), undefined), null);
  });

  it('reaches no loopback where origins are listed, and the public URL everywhere', () => {
    const listing = worldOf(LISTING);
    for (const text of ['http://localhost:5173/', 'http://127.0.0.1:5173/', 'http://[::1]:5173/']) {
      assert.throws(() => readRedirect(listing, text), refused);
      assert.equal(readRedirect(worldOf({}), text), text);
    }
    for (const world of [listing, worldOf({})]) {
      assert.equal(readRedirect(world, 'http://localhost:3000/account'), 'http://localhost:3000/account');
    }
    assert.equal(readRedirect(listing, 'https://admin.example.com:8443/x'), 'https://admin.example.com:8443/x');
    for (const text of ['https://admin.example.com/', 'https://app.example.com:8443/', 'https://example.com/']) {
      assert.throws(() => readRedirect(listing, text), refused);
    }
  });

  it('may have 2,048 characters and no more', () => {
    const world = worldOf({});
    const longest = `http://localhost:5173/${'a'.repeat(2048 - 'http://localhost:5173/'.length)}`;
    assert.equal(readRedirect(world, longest), longest);
    assert.throws(() => readRedirect(world, `${longest}a`), refused);
  });

  it('is judged without delay, whatever it is made of', () => {
    for (const text of ['a'.repeat(2_000_000), `http://localhost:5173/${'%'.repeat(1_000_000)}`]) {
      assert.throws(() => readRedirect(worldOf({}), text), refused);
    }
  });

  it('escapes what is said with it', () => {
    assert.equal(withParameter('http://localhost/', 'error', 'a&b=c#d'), 'http://localhost/?error=a%26b%3Dc%23d');
  });
});
