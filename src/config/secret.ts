import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { prepareDataDir } from './data-dir.ts';
import { codeOf } from './environment.ts';
import { SettingsError } from './load.ts';
import { isStrongSecret, secretBytes } from './secret-strength.ts';
import type { Settings } from './settings.ts';

/**
 * The root secret, then the one before it while a rotation lasts. In development mode, where none needs to be given,
 * it is generated once into the data folder.
 *
 * @throws {SettingsError} if the data folder, or the secret in it, cannot be used
 */
export function rootSecrets(settings: Settings): readonly [string, ...string[]] {
  const current = settings.GUICHET_SECRET ?? generatedSecret(settings);
  return settings.GUICHET_SECRET_PREVIOUS ? [current, settings.GUICHET_SECRET_PREVIOUS] : [current];
}

/** Where the generated secret is kept. */
export function generatedSecretPath(settings: Pick<Settings, 'GUICHET_DATA_DIR'>): string {
  return join(settings.GUICHET_DATA_DIR, 'secret');
}

function generatedSecret(settings: Settings): string {
  prepareDataDir(settings);
  const path = generatedSecretPath(settings);
  try {
    const secret = readIfThere(path) ?? create(path);
    if (isStrongSecret(secret)) return secret;
  } catch (error) {
    throw new SettingsError([`${path} cannot be used (${codeOf(error)}); it holds the generated secret`]);
  }
  throw new SettingsError([
    `${path} does not hold a secret that Guichet generated; restore it, or remove it to get another`,
  ]);
}

/**
 * Puts a whole new secret in place, or finds that another process was first: `link` fails when the name is taken,
 * and unlike an exclusive open it never shows anybody an empty file.
 */
function create(path: string): string {
  const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`;
  const file = openSync(draft, 'wx', 0o600);
  try {
    writeSync(file, `${randomBytes(secretBytes).toString('base64url')}\n`);
    fsyncSync(file);
    linkSync(draft, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    closeSync(file);
    unlinkSync(draft);
  }
  return readFileSync(path, 'utf8').trim();
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
