import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

/** What a stand-in needs to end with: a test, or whatever lasts longer. */
export type Lifetime = Pick<TestContext, 'after'>;

/** An http server on a port of its own, for as long as the test lasts. */
export async function listenOnLoopback(
  t: Lifetime,
  listener?: RequestListener,
): Promise<{ server: Server; url: string }> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
