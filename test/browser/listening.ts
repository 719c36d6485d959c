import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type OpenedClient, openClient } from '../contracts/bearer/client.ts';

/** A port that nothing listens on, for a server that must know its own address before it does. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export interface Listening extends OpenedClient {
  /** `http://localhost:<port>`, its public URL. */
  origin: string;
  /** The token of the newest link to a page that was mailed to an address, once it has arrived. */
  mailed(email: string, page: string): Promise<string>;
}

/** A whole server that browsers can reach. */
export async function openListening(
  t: { after(undo: () => unknown): void },
  { env = {} }: { env?: Record<string, string> } = {},
): Promise<Listening> {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const world = await openClient(t, { env: { GUICHET_PORT: String(port), GUICHET_PUBLIC_URL: origin, ...env } });
  await world.listen();
  return {
    ...world,
    origin,
    // The server sends by itself while it listens, so that a mail may be on its way.
    async mailed(email, page) {
      for (let tries = 0; tries < 100; tries += 1) {
        // An invitation's link says its token in the application's way.
        const found = page === '/set-up-password' ? world.tokenFor(email) : world.linkToken(email, page);
        const token = await found.catch(() => undefined);
        if (token) return token;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.fail(`no link to ${page} went to ${email}`);
    },
  };
}
