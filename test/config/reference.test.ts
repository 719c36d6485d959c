import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { settingsPage } from '../../src/config/reference.ts';

describe('docs/settings.md', () => {
  it('says what the declaration says; `npm run docs:settings` writes it', () => {
    const page = readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8');

    assert.equal(page, settingsPage());
  });
});
