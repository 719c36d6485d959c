import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Account } from '../core/account.ts';
import { Failure } from '../core/failure.ts';
import type { Identity } from '../core/identity.ts';
import { isPermissionName } from '../core/right-name.ts';
import type { Role } from '../core/role.ts';
import type { Site } from '../core/site.ts';
import { expected } from './failure-words.ts';
import { CommandError, printable } from './output.ts';
import { wholeNumber } from './whole-number.ts';

export interface PlaceOptions {
  site?: number;
  everywhere?: true;
}

/** Adds the options that say where something is given or taken. */
export function withPlace(command: Command): Command {
  return withSite(command).addOption(
    new Option('--everywhere', 'at every site that the account is a member of').conflicts('site'),
  );
}

export function withSite(command: Command): Command {
  return command.option('--site <id>', 'a site’s number: guichet site list shows them', wholeNumber);
}

/** Where, of those two. @throws {CommanderError} if neither was given */
export function placeOf({ site, everywhere }: PlaceOptions, command: Command): number | null {
  if (site === undefined && !everywhere) command.error('error: say where: --site <id> or --everywhere');
  return site ?? null;
}

/** An option's list: `item.view,item.update`. */
export function permissionList(text: string): string[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const wrong = names.find((name) => !isPermissionName(name));
  if (wrong !== undefined) throw new InvalidArgumentError(`"${printable(wrong)}" is none: ${expected['permission']}.`);
  return names;
}

/** @throws {CommandError} `not_found` */
export async function siteNumbered(identity: Identity, id: number): Promise<Site> {
  const site = (await identity.listSites()).find((each) => each.id === id);
  if (!site) throw new CommandError('not_found', `there is no site ${id}; guichet site list shows them`);
  return site;
}

/** The same, or `null` where no one site is meant. @throws {CommandError} `not_found` */
export async function siteMeant(identity: Identity, id: number | null): Promise<Site | null> {
  return id === null ? null : siteNumbered(identity, id);
}

/** @throws {CommandError} `not_found` */
export function accountNamed(identity: Identity, name: string): Promise<Account> {
  return orSay(
    identity.findAccount({ name }),
    `there is no account ${printable(name)}; guichet account list shows them`,
  );
}

/** What an attempt gives; in place of `not_found`, what it is that was not found. @throws {CommandError} */
export async function orSay<T>(attempt: Promise<T>, message: string): Promise<T> {
  try {
    return await attempt;
  } catch (error) {
    throw error instanceof Failure && error.code === 'not_found' ? new CommandError('not_found', message) : error;
  }
}

export const nameOf = ({ email, phone, uuid }: Account): string => email ?? phone ?? uuid;

export const siteText = ({ id, name }: Site): string => `site ${id} (${printable(name)})`;

export const placeText = (site: Site | null): string => (site ? `at ${siteText(site)}` : 'everywhere');

export const withPermissions = ({ permissions }: Role): string =>
  permissions.length === 0 ? ', without permissions' : `, with ${permissions.join(', ')}`;
