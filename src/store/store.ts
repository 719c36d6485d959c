import type { Kysely } from 'kysely';
import type { Keyring } from '../core/keyring.ts';
import type { LiveSession } from '../core/session.ts';
import type { Store, Tables } from '../core/store.ts';
import type { Random } from '../core/world.ts';
import { accountsOn } from './accounts.ts';
import { attemptsOn } from './attempts.ts';
import { auditOn } from './audit.ts';
import { type DatabaseHandle, type Effects, noEffects } from './database.ts';
import { deliveredCodesOn } from './delivered-codes.ts';
import { devicesOn } from './devices.ts';
import { identifiersOn } from './identifiers.ts';
import { limitsOn } from './limits.ts';
import { linkedIdentitiesOn } from './linked-identities.ts';
import { outboxOn } from './outbox.ts';
import { passkeysOn, spentChallengesOn } from './passkeys.ts';
import { passwordsOn } from './passwords.ts';
import { pendingLoginsOn } from './pending-logins.ts';
import { permissionsOn } from './permissions.ts';
import { rolesOn } from './roles.ts';
import type { Database } from './schema.ts';
import { secondFactorsOn } from './second-factors.ts';
import { SessionCache } from './session-cache.ts';
import { sessionFinder, sessionsOn } from './sessions.ts';
import { signingKeysOn } from './signing-keys.ts';
import { sitesOn } from './sites.ts';
import { knownClientsOn, oneTimeTokensOn, refreshTokensOn } from './tokens.ts';

/** The core's store on an open database. */
export function storeOn(handle: DatabaseHandle, keyring: Keyring, random: Random): Store {
  const cache = new SessionCache();
  handle.onCommit(({ accounts }) => cache.forget(accounts));

  const tables = (db: Kysely<Database>, effects: Effects): Tables => {
    const sessions = sessionsOn(db, effects);
    return {
      accounts: accountsOn(db, effects, handle.kind),
      identifiers: identifiersOn(db, effects),
      passwords: passwordsOn(db, effects),
      // Inside a transaction a look is never older than the transaction.
      sessions: { ...sessions, peek: sessions.find, peekByToken: sessions.findByToken },
      refreshTokens: refreshTokensOn(db, handle.kind),
      oneTimeTokens: oneTimeTokensOn(db),
      pendingLogins: pendingLoginsOn(db),
      devices: devicesOn(db),
      deliveredCodes: deliveredCodesOn(db),
      secondFactors: secondFactorsOn(db),
      passkeys: passkeysOn(db, effects),
      linkedIdentities: linkedIdentitiesOn(db, effects),
      spentChallenges: spentChallengesOn(db),
      knownClients: knownClientsOn(db),
      attempts: attemptsOn(db),
      limits: limitsOn(db),
      outbox: outboxOn(db, effects, keyring, random),
      audit: auditOn(db, effects, keyring),
      signingKeys: signingKeysOn(db),
      sites: sitesOn(db, effects, handle.kind),
      roles: rolesOn(db),
      permissions: permissionsOn(db),
    };
  };

  const find = sessionFinder(handle, 'id');
  const findByDigest = sessionFinder(handle, 'token_digest');
  const findByToken = async (digests: readonly string[]): Promise<LiveSession | undefined> => {
    for (const digest of digests) {
      const live = await findByDigest(digest);
      if (live) return live;
    }
    return undefined;
  };
  const committed = tables(handle.read, noEffects());
  return {
    ...committed,
    sessions: {
      ...committed.sessions,
      find,
      findByToken,
      peek: (id) => cache.look(id, () => find(id)),
      peekByToken: (digests) => cache.look(digests[0] ?? '', () => findByToken(digests)),
    },
    transaction: (work) => handle.transaction((db, effects) => work(tables(db, effects))),
  };
}
