import { type Account, type Locale, splitName } from './account.ts';
import { boundForAccount } from './account-limit.ts';
import { auditEvent } from './audit.ts';
import { Failure } from './failure.ts';
import { type LiveSession, stillLive } from './session.ts';
import type { Caller, World } from './world.ts';

const LONGEST_IMAGE = 2048;

/**
 * Changes what an account shows of its owner; what is not given stays.
 *
 * @throws {Failure} `input_rejected` if the picture is no http or https address; `rate_limited` past sixty changes an hour; `session_ended`
 */
export async function changeProfile(
  world: Pick<World, 'clock' | 'policy' | 'store'>,
  input: { live: LiveSession; name?: string | null | undefined; image?: string | null | undefined; caller: Caller },
): Promise<Account> {
  const { caller, live } = input;
  if (input.image && !isPicture(input.image)) throw new Failure('input_rejected', { fields: { image: 'malformed' } });
  const now = world.clock.now();
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillLive(inStore, live);
    const name = input.name === undefined ? account.name : input.name?.trim() || null;
    const image = input.image === undefined ? account.image : input.image || null;
    if (name === account.name && image === account.image) return account;
    await boundForAccount(inStore, account, 'profile');
    // As an operator wrote them, unless the name is another one.
    const names = name === account.name ? account : splitName(name);
    const profile = { name, image, firstName: names.firstName, lastName: names.lastName };
    await store.accounts.setProfile(account.id, profile, now);
    const { contract } = session;
    await store.audit.record(auditEvent('account.profile_changed', { account, contract, caller, now }));
    return { ...account, ...profile, updatedAt: now };
  });
}

/**
 * Sets the language that an account is spoken and written to in.
 *
 * @throws {Failure} `rate_limited` past sixty changes an hour; `session_ended`
 */
export async function chooseLocale(
  world: Pick<World, 'clock' | 'policy' | 'store'>,
  input: { live: LiveSession; locale: Locale; caller: Caller },
): Promise<Account> {
  const { caller, live, locale } = input;
  const now = world.clock.now();
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillLive(inStore, live);
    if (locale === account.locale) return account;
    await boundForAccount(inStore, account, 'profile');
    await store.accounts.setLocale(account.id, locale, now);
    const { contract } = session;
    await store.audit.record(
      auditEvent('account.profile_changed', { account, contract, caller, now, facts: { locale } }),
    );
    return { ...account, locale, updatedAt: now };
  });
}

/** An address that a page may show as a picture, and that runs nothing. */
export function isPicture(text: string): boolean {
  // Nothing that ends an attribute, for a page that forgets to escape it.
  if (text.length > LONGEST_IMAGE || !/^https?:\/\/[!#-&(-;=?-_a-~]+$/.test(text)) return false;
  const url = URL.parse(text);
  return url !== null && url.username === '' && url.password === '';
}
