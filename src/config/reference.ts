import { accepted, inWords } from './accepted.ts';
import { notesOf } from './environment.ts';
import { settingNames } from './families.ts';
import type { SettingName } from './settings.ts';

/** docs/settings.md, from the declaration. */
export function settingsPage(): string {
  return `# Settings

Environment variables. This page is generated from the declaration in \`src/config/settings.ts\` by
\`npm run docs:settings\`.

- A wrong value stops the start with one line that names the variable, what was given and what is accepted; every wrong
  value is listed, not the first alone. A variable that begins with \`GUICHET_\` and is none of these gives a warning.
- An empty value counts as not given, except for \`GUICHET_SECRET\`, where it is wrong.
- What holds a secret or a password can come from a file, which the variable's name with \`_FILE\` behind it names:
  ${secrets()}.
- Production (\`NODE_ENV=production\`, or a public URL that is not on this machine) refuses to start without
  \`GUICHET_SECRET\` and \`GUICHET_MAIL_URL\`, with an http public URL on another host than this machine, with rate limits
  off, and, when the public URL is https, without a word on \`GUICHET_TRUST_PROXY\`.
- \`guichet config\` shows what holds and where it comes from, \`guichet doctor\` whether it works.

| variable | default | accepted | meaning |
|---|---|---|---|
${settingNames.map(row).join('\n')}
`;
}

function row(name: SettingName): string {
  const { description, standIn } = notesOf(name);
  const cells = [`\`${name}\``, standIn ?? defaultOf(name), accepted(name).replaceAll('<', '&lt;'), description];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function defaultOf(name: SettingName): string {
  const words = inWords(notesOf(name).default);
  return words === '' ? 'none' : `\`${words}\``;
}

function secrets(): string {
  const names = settingNames.filter((name) => notesOf(name).hides);
  return names.map((name) => `\`${name}_FILE\``).join(',\n  ');
}
