import type { Account } from '../../src/core/account.ts';
import type { Rights } from '../../src/core/rights.ts';
import type { Site } from '../../src/core/site.ts';
import type { Stage } from '../support/stage.ts';

export const siteIn = ({ identity }: Stage, name: string): Promise<Site> =>
  identity.createSite({ name, isHeadquarters: false });

/** What a new session of somebody sees. */
export async function rightsIn(stage: Stage, { email }: Account & { email: string }): Promise<Rights> {
  return stage.identity.rightsOf(await stage.live(await stage.signIn(email)));
}
