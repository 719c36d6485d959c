import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { html } from '../../src/http/html.ts';

describe('html', () => {
  it('escapes every text, wherever it stands', () => {
    const text = `<b>&"'`;
    assert.equal(
      html`<p title="${text}">${text}</p>`.toString(),
      '<p title="&#60;b&#62;&#38;&#34;&#39;">&#60;b&#62;&#38;&#34;&#39;</p>',
    );
  });

  it('keeps markup and lists of it', () => {
    const items = ['a', '<'].map((item) => html`<li>${item}</li>`);
    assert.equal(
      html`<ul>${items}${html`<li>${3}</li>`}</ul>`.toString(),
      '<ul><li>a</li><li>&#60;</li><li>3</li></ul>',
    );
  });

  it('shows nothing for what is not there', () => {
    const absent: string | undefined = undefined;
    assert.equal(html`${false}${null}${absent}${absent && html`<p>${absent}</p>`}${''}${0}`.toString(), '0');
  });
});
