import assert from 'node:assert/strict';
import type { Site } from '../../../src/core/site.ts';
import { stepAt, totpAt } from '../../../src/core/totp.ts';
import { type Client, type OpenedClient, PASSWORD } from './client.ts';
import { assertAnswer, WEB } from './endpoint-answers.ts';

/** The link in the newest mail that has one, as it was really sent. */
export async function linkTo(email: string, { mails }: Pick<OpenedClient, 'mails'>): Promise<URL> {
  const link = (await mails(email)).find(({ links }) => links.length > 0)?.links[0];
  assert.ok(link, `no link went to ${email}`);
  return new URL(link);
}

/** Where the front end asks about an invitation, by the link that opened it. */
export const setUpPath = ({ pathname, search }: URL): string => `/auth${pathname}${search}`;

/** An instant as this contract writes it. */
export const written = (instant: number): string => new Date(instant).toISOString().replace('Z', '000Z');

let people = 0;
/** An address nobody has. */
export const address = (): string => `somebody${++people}@example.com`;

interface Factor {
  secret: string;
  codes: string[];
}

/** Those whom the tests of a suite need, in its world. */
export function peopleOf(world: () => OpenedClient) {
  const codeOf = (secret: string): string => totpAt(secret, stepAt(world().clock.now()));

  /** Enables the second factor in a browser, as an account page does. */
  async function enableFactor(client: Client): Promise<Factor> {
    await client.post('/user/confirm-password', { password: PASSWORD });
    await client.post('/user/two-factor-authentication');
    const { secretKey: secret = '' } = (await client.get('/user/two-factor-secret-key')).body;
    const codes = (await client.get('/user/two-factor-recovery-codes')).json as string[];
    const on = await client.post('/user/confirmed-two-factor-authentication', { code: codeOf(secret) });
    assert.equal(on.status, 200, on.text);
    // A code works once.
    world().clock.advance({ minutes: 1 });
    return { secret, codes };
  }

  return {
    codeOf,

    /** Somebody who was invited, and the link that they got. */
    async invited(): Promise<{ id: number; email: string; link: URL }> {
      const email = address();
      const { id } = await world().identity.createAccount({ email, firstName: 'Jean', lastName: 'Dupont' });
      return { id, email, link: await linkTo(email, world()) };
    },

    /** Somebody with a second factor, and a browser that has given the password. */
    async challenged(more: { remember?: boolean } = {}): Promise<Factor & { client: Client; email: string }> {
      const email = address();
      const factor = await enableFactor(await world().signedIn(email));
      const client = world().another();
      const answer = await client.login(email, PASSWORD, more);
      assertAnswer(answer, { status: 200, body: { two_factor: true }, sets: WEB });
      return { client, email, ...factor };
    },

    /** Somebody at two sites, the first of them the headquarters. */
    async atTwoSites(): Promise<{ client: Client; first: Site; second: Site }> {
      const { another, account, identity } = world();
      const { email, uuid } = await account(address());
      const first = await identity.createSite({ name: 'Siège', isHeadquarters: true });
      const second = await identity.createSite({ name: 'Lyon', isHeadquarters: false });
      const permissions = ['company.view', 'company.viewAny'];
      await identity.grantRole({ uuid, role: 'admin', siteId: first.id, permissions });
      await identity.grantRole({ uuid, role: 'operator', siteId: second.id, permissions: ['item.view'] });
      await identity.grantPermission({ uuid, permission: 'item.scanQrCode', siteId: second.id });
      const client = another();
      await client.login(email);
      return { client, first, second };
    },
  };
}
