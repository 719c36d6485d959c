import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { languageOf } from '../../src/http/language.ts';

describe('the language of an answer', () => {
  const cases: readonly [header: string | undefined, language: 'en' | 'fr'][] = [
    ['fr', 'fr'],
    ['FR-ca', 'fr'],
    ['fr-FR,fr;q=0.9,en;q=0.8', 'fr'],
    ['en;q=0.5, fr;q=0.6', 'fr'],
    ['en;q=0.6, fr;q=0.6', 'en'],
    ['de, fr;q=0.1', 'fr'],
    ['fr;q=0, en;q=0.1', 'en'],
    ['fr ; q=0.9 , en ; q=1', 'en'],
    ['fr;q=abc, en;q=0.1', 'en'],
    ['fr;level=1;q=0.5, en;q=0.4', 'fr'],
    ['french', 'en'],
    ['*', 'en'],
    ['', 'en'],
    [undefined, 'en'],
    [',,;;=,', 'en'],
    [`fr,${'x,'.repeat(300)}`, 'en'],
  ];
  for (const [header, language] of cases) {
    it(`is ${language} for ${header === undefined ? 'no header' : JSON.stringify(header.slice(0, 40))}`, () => {
      assert.equal(languageOf(header, 'en'), language);
    });
  }

  it('is the contract’s own when nothing else is asked for', () => {
    assert.deepEqual([languageOf(undefined, 'fr'), languageOf('*', 'fr'), languageOf('de', 'fr')], ['fr', 'fr', 'fr']);
  });
});
