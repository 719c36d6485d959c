import type { Locale } from '../core/account.ts';
import { escapeHtml } from './plain-text.ts';

/** What a message says, in order, before it is text or HTML. Every string is plain. */
export interface Composition {
  locale: Locale;
  subject: string;
  greeting: string;
  opening: string[];
  /** To be copied or typed. */
  code: string | null;
  action: { label: string; link: string; otherwise: string } | null;
  /** When and from where, as label and value. */
  circumstances: { label: string; value: string }[];
  closing: string[];
  /** Who writes, and where they are at home. */
  signature: { service: string; url: string };
}

export function asText(message: Composition): string {
  const colon = message.locale === 'fr' ? '\u00A0:' : ':';
  const { action, circumstances, code, signature } = message;
  return [
    message.greeting,
    ...message.opening,
    ...(code === null ? [] : [code]),
    ...(action ? [`${action.label}${colon}\n${action.link}`] : []),
    ...(circumstances.length > 0
      ? [circumstances.map(({ label, value }) => `${label}${colon} ${value}`).join('\n')]
      : []),
    ...message.closing,
    `${signature.service}\n${signature.url}\n`,
  ].join('\n\n');
}

// No background and hardly a colour: the reader's own, light or dark, stay. The button's two keep a contrast of 6.7 on each other.
const BODY =
  'margin:0;padding:24px 16px;font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif';
const COLUMN = 'max-width:480px;margin:0 auto';
const PARAGRAPH = 'margin:0 0 16px';
const BUTTON =
  'display:inline-block;padding:14px 28px;border-radius:8px;background:#1d4ed8;color:#ffffff;font-weight:600;text-decoration:none';
const CODE =
  'margin:24px 0;font:600 32px/1.3 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;letter-spacing:.15em';
const SMALL = 'margin:0 0 16px;font-size:14px;opacity:.8';
const LINK = 'color:inherit;word-break:break-all';
const LABEL = 'padding:4px 16px 4px 0;text-align:left;vertical-align:top;font-weight:400;opacity:.8';
const VALUE = 'padding:4px 0;vertical-align:top;word-break:break-word';

/** One column that a phone shows whole; styles inline, nothing fetched. */
export function asHtml(message: Composition): string {
  const { action, circumstances, code, signature } = message;
  const paragraph = (text: string) => `<p style="${PARAGRAPH}">${escapeHtml(text)}</p>`;
  const link = (target: string) => `<a href="${escapeHtml(target)}" style="${LINK}">${escapeHtml(target)}</a>`;
  return [
    `<!doctype html>`,
    `<html lang="${message.locale}">`,
    `<head>`,
    `<meta charset="utf-8">`,
    `<meta name="viewport" content="width=device-width, initial-scale=1">`,
    `<meta name="color-scheme" content="light dark">`,
    `<meta name="supported-color-schemes" content="light dark">`,
    `<title>${escapeHtml(message.subject)}</title>`,
    `</head>`,
    `<body style="${escapeHtml(BODY)}">`,
    `<div style="${COLUMN}">`,
    `<h1 style="margin:0 0 16px;font-size:22px;line-height:1.3">${escapeHtml(message.subject)}</h1>`,
    paragraph(message.greeting),
    ...message.opening.map(paragraph),
    ...(code === null ? [] : [`<p style="${escapeHtml(CODE)}">${escapeHtml(code)}</p>`]),
    ...(action
      ? [
          `<p style="margin:24px 0"><a href="${escapeHtml(action.link)}" style="${BUTTON}">${escapeHtml(action.label)}</a></p>`,
          `<p style="${SMALL}">${escapeHtml(action.otherwise)}<br>${link(action.link)}</p>`,
        ]
      : []),
    ...(circumstances.length > 0
      ? [`<table style="margin:0 0 16px;border-collapse:collapse">`, ...circumstances.map(row), `</table>`]
      : []),
    ...message.closing.map(paragraph),
    `<p style="${SMALL};margin-top:32px">${escapeHtml(signature.service)}<br>${link(signature.url)}</p>`,
    `</div>`,
    `</body>`,
    `</html>`,
    ``,
  ].join('\n');
}

function row({ label, value }: { label: string; value: string }): string {
  return `<tr><th scope="row" style="${LABEL}">${escapeHtml(label)}</th><td style="${VALUE}">${escapeHtml(value)}</td></tr>`;
}
