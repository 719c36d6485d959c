import assert from 'node:assert/strict';
import type { FastifyInstance } from 'fastify';
import type { TestWorld } from '../support/world.ts';

type Answer = Awaited<ReturnType<FastifyInstance['inject']>>;

/** An application that speaks the bearer contract with the server that the pages belong to. */
export interface Application {
  ask(path: string, body: object, token?: string): Promise<Answer>;
  /** Has a magic link mailed. @returns what it opens, without the origin */
  magicLink(email: string, redirectUrl?: string): Promise<string>;
  /** Signs in and has the link mailed that makes an address the account's own. @returns what it opens */
  emailChange(of: { email: string; password: string; newEmail: string }): Promise<string>;
  /** Has a link for a new password mailed. @returns what it opens */
  passwordReset(email: string, redirectUrl?: string): Promise<string>;
}

export async function openApplication(world: TestWorld): Promise<Application> {
  const server = await world.server();
  const ask: Application['ask'] = (path, body, token) =>
    server.inject({
      method: 'POST',
      url: `/api/auth${path}`,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      payload: body,
    });
  const good = async (answer: Answer): Promise<Answer> => {
    assert.equal(answer.statusCode, 200, answer.body);
    return answer;
  };
  const linkTo = async (path: string, email: string): Promise<string> => {
    const links = (await world.mails(email)).flatMap((mail) => mail.links).map((link) => new URL(link));
    const newest = links.find(({ pathname }) => pathname === path);
    assert.ok(newest, `no link to ${path} went to ${email}`);
    return `${newest.pathname}${newest.search}`;
  };
  const leadingTo = (redirectUrl: string | undefined) => (redirectUrl === undefined ? {} : { redirectUrl });

  return {
    ask,
    async magicLink(email, redirectUrl) {
      const answer = await good(await ask('/send-magic-link', { email, ...leadingTo(redirectUrl) }));
      assert.deepEqual(answer.json(), { success: true, message: 'Magic link sent to email' });
      return linkTo('/magic-link', email);
    },
    async emailChange({ email, newEmail, password }) {
      const { session } = (await good(await ask('/sign-in', { email, password }))).json();
      await good(await ask('/change-email', { newEmail, password }, session.token));
      return linkTo('/change-email', newEmail);
    },
    async passwordReset(email, redirectUrl) {
      await good(await ask('/forgot-password', { email, ...leadingTo(redirectUrl) }));
      return linkTo('/reset-password', email);
    },
  };
}
