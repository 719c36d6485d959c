import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { HEADER_LIMIT } from './serve.ts';

/** What is under way when the process is told to stop gets this long (R161). */
const STOP_MILLISECONDS = 12_000;

export interface Listening {
  port: number;
  /** Takes nothing new, lets what is under way finish, and resolves when every socket is closed. */
  close(): Promise<void>;
}

/**
 * Listens on a host; the default `127.0.0.1` means both loopback addresses, since `localhost` may be either.
 *
 * @throws the system's error if the port is taken or not allowed
 */
export async function listen(app: FastifyInstance, { host, port }: { host: string; port: number }): Promise<Listening> {
  await app.listen({ host, port });
  const bound = (app.server.address() as AddressInfo).port;
  const second = host === '127.0.0.1' ? await listenOnIpv6Loopback(app, bound) : undefined;
  return {
    port: bound,
    async close() {
      const hurry = setTimeout(() => {
        app.server.closeAllConnections();
        second?.closeAllConnections();
      }, STOP_MILLISECONDS).unref();
      await Promise.all([app.close(), second && closed(second)]);
      clearTimeout(hurry);
    },
  };
}

/** The same server on `::1`; a machine without IPv6 does without. */
async function listenOnIpv6Loopback(app: FastifyInstance, port: number): Promise<Server | undefined> {
  const { headersTimeout, requestTimeout, keepAliveTimeout } = app.server;
  const server = createServer(
    { headersTimeout, requestTimeout, keepAliveTimeout, maxHeaderSize: HEADER_LIMIT },
    (request, response) => app.routing(request, response),
  );
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, '::1', () => resolve());
    });
    return server;
  } catch (error) {
    if (['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    await app.close();
    throw error;
  }
}

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
