import assert from 'node:assert/strict';
import type { Answer, Client } from './client.ts';
import { ORIGIN } from './client.ts';

/** A hosted page as a browser has it, with the hidden fields of its form. */
interface MailedPage {
  path: string;
  answer: Answer;
  fields: Record<string, string>;
}

/** Opens what a mail leads to; nothing is pressed. */
export async function openPage(browser: Client, url: string): Promise<MailedPage> {
  const answer = await browser.askAt('GET', url);
  assert.equal(answer.status, 200, answer.text);
  const hidden = [...answer.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)];
  const fields = Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, value]));
  return { path: url.split('?')[0] ?? url, answer, fields };
}

/** Sends the page's form as a browser does. */
export const press = (browser: Client, page: MailedPage, more: Record<string, string> = {}): Promise<Answer> =>
  browser.askAt('POST', page.path, {
    raw: new URLSearchParams({ ...page.fields, ...more }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: ORIGIN },
  });

/** The code that a page shows where there is no application to be sent back to. */
export const codeOn = ({ text }: Answer): string => /<code id="code">([^<]*)<\/code>/.exec(text)?.[1] ?? '';
