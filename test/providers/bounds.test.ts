import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { boundedFetch } from '../../src/outbound/bounded-fetch.ts';
import { reachOf } from '../../src/outbound/reach.ts';
import { LIMITS } from '../../src/providers/limits.ts';
import { openGitHub } from '../support/github-look-alike.ts';
import { listenOnLoopback } from '../support/loopback.ts';
import { openOidcLiar } from '../support/oidc-liar.ts';
import { github, newTrip, oidc, REFUSED, serviceOf, signIn, travel, UNAVAILABLE } from './trips.ts';

/** A key and a certificate for this test alone, which nobody trusts. */
const SELF_SIGNED = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgLno1UQIapN6Bb3vl
GYGjxXmHTXuza3Es2iOMUzA8fwWhRANCAAT+29sZdSATYfUBr07EDuUoSf+y7Yl0
kOAhKPcgN2xXMu5PghG5jtwiyyrkZks03sYyz7idKxyKjEcm4W9CSo8e
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUUmj4Hw4c7rOGwuV0QzKcKqAxze0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjA0MzEzMloYDzIxMjYxMDI5
MDQzMTMyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAT+29sZdSATYfUBr07EDuUoSf+y7Yl0kOAhKPcgN2xXMu5PghG5jtwi
yyrkZks03sYyz7idKxyKjEcm4W9CSo8eo2kwZzAdBgNVHQ4EFgQUhCh79syp5UNY
Z32IWqCZQYoU648wHwYDVR0jBBgwFoAUhCh79syp5UNYZ32IWqCZQYoU648wDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SAAwRQIhAI8AeMSjiGcUKsUuBy8BXpzmoBV/04RmDzllHEpipkaTAiAuK3Ok8Wvi
3ef4tn1MPAx8RBsggzOjah4jtexAzs4BMg==
-----END CERTIFICATE-----`,
};

const GITHUB_PATHS = ['/login/oauth/access_token', '/api/v3/user', '/api/v3/user/emails'];
const LIAR_PATHS = ['/.well-known/openid-configuration', '/token', '/jwks', '/userinfo'];

/** Both kinds of provider, with every request that is made to them. */
async function each(
  t: TestContext,
  lie: (response: ServerResponse) => void,
  limits: Parameters<typeof serviceOf>[1],
  check: (attempt: Promise<unknown>, where: string, service: ReturnType<typeof serviceOf>) => Promise<void>,
): Promise<void> {
  for (const path of GITHUB_PATHS) {
    const hub = await openGitHub(t);
    const service = serviceOf([github(hub)], limits);
    hub.lies[path] = lie;
    await check(signIn(service, 'github', hub), `github ${path}`, service);
  }
  for (const path of LIAR_PATHS) {
    const liar = await openOidcLiar(t);
    const service = serviceOf([oidc(liar)], limits);
    liar.idToken = () => liar.sign({ ...liar.truth(), email: undefined });
    liar.userinfo = { sub: 'mallory-1' };
    liar.lies[path] = lie;
    await check(signIn(service, 'acme', liar), `acme ${path}`, service);
  }
}

const refusesConnections = async (): Promise<string> => {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return `http://127.0.0.1:${port}`;
};

describe('R104: a provider', () => {
  it('is unavailable when it says nothing in time, and when it stops in the middle', async (t) => {
    const limits = { requestMilliseconds: 250 };
    const reasons = new Set<string | undefined>();
    for (const lie of [
      () => {},
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.write('{');
      },
    ]) {
      await each(t, lie, limits, async (attempt, where, service) => {
        await assert.rejects(attempt, UNAVAILABLE, where);
        reasons.add(service.troubles.pop()?.reason);
      });
    }
    assert.deepEqual([...reasons], ['TIMEOUT']);
  });

  it('is unavailable when it takes too long in all, however quick each answer is', async (t) => {
    const hub = await openGitHub(t);
    const service = serviceOf([github(hub)], { requestMilliseconds: 600_000, wholeMilliseconds: 80 });
    hub.lies['/api/v3/user/emails'] = () => {};

    await assert.rejects(signIn(service, 'github', hub), UNAVAILABLE);
    assert.equal(service.troubles.pop()?.reason, 'TIMEOUT');
  });

  it('is unavailable when nobody is there, and when the connection breaks', async (t) => {
    const url = await refusesConnections();
    const nobody = { url, apiUrl: url, issuer: url, clientId: 'guichet', clientSecret: 'secret' };
    const away = serviceOf([github(nobody), oidc(nobody)]);
    const trip = newTrip();
    const answer = new URLSearchParams({ code: 'x', state: trip.state });
    for (const name of ['github', 'acme']) {
      await assert.rejects(away.identify(name, answer, trip), UNAVAILABLE, name);
    }
    await assert.rejects(away.authorizationUrl('acme', trip), UNAVAILABLE);
    const cut = (response: ServerResponse) => void response.socket?.destroy();
    await each(t, cut, {}, (attempt, where) => assert.rejects(attempt, UNAVAILABLE, where));
  });

  it('is unavailable when its answer never ends, of which little is read', async (t) => {
    const limits = { bodyBytes: 64 * 1024 };
    const endless = (response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      let written = 0;
      const write = () => {
        while (!response.destroyed && response.write(' '.repeat(16 * 1024))) written += 16 * 1024;
      };
      response.on('drain', write);
      // What the sockets hold between them is sent and never read.
      response.on('close', () => assert(written < 32 * 1024 * 1024));
      write();
    };
    await each(t, endless, limits, async (attempt, where, service) => {
      await assert.rejects(attempt, UNAVAILABLE, where);
      assert.equal(service.troubles.pop()?.reason, 'TOO_LARGE', where);
    });
  });

  it('is unavailable when an answer is longer than a mebibyte, and is heard up to that', async (t) => {
    const hub = await openGitHub(t);
    const service = serviceOf([github(hub)]);
    const padded = (bytes: number) => (response: ServerResponse) => {
      const body = JSON.stringify({ id: 583231 });
      response.end(body + ' '.repeat(bytes - body.length));
    };
    hub.lies['/api/v3/user'] = padded(1024 * 1024);
    assert.equal((await signIn(service, 'github', hub)).subject, '583231');
    hub.lies['/api/v3/user'] = padded(1024 * 1024 + 1);

    await assert.rejects(signIn(service, 'github', hub), UNAVAILABLE);
  });

  it('is not followed elsewhere', async (t) => {
    const visited: string[] = [];
    const { url } = await listenOnLoopback(t, (request, response) => {
      visited.push(request.url ?? '');
      response.end('{}');
    });
    for (const status of [301, 302, 303, 307, 308]) {
      const redirect = (response: ServerResponse) =>
        void response.writeHead(status, { location: `${url}/canary` }).end();
      await each(t, redirect, {}, (attempt, where) =>
        assert.rejects(attempt, where.includes('.well-known') ? UNAVAILABLE : REFUSED, `${where} ${status}`),
      );
    }
    assert.deepEqual(visited, []);
  });

  it('is unavailable with a certificate that nobody vouches for, and with none', async (t) => {
    const requests: string[] = [];
    const self = createTlsServer(SELF_SIGNED, (request, response) => {
      requests.push(request.url ?? '');
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await once(self, 'listening');
    t.after(() => self.close());
    const plain = await listenOnLoopback(t, (request) => void requests.push(request.url ?? ''));
    for (const [port, reason] of [
      [(self.address() as AddressInfo).port, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
      [new URL(plain.url).port, 'EPROTO'],
    ]) {
      const url = `https://localhost:${port}`;
      const service = serviceOf([oidc({ issuer: url, clientId: 'guichet', clientSecret: 'secret' })]);
      await assert.rejects(service.authorizationUrl('acme', newTrip()), UNAVAILABLE);
      assert.equal(service.troubles.pop()?.reason, reason);
    }
    assert.deepEqual(requests, []);
  });

  it('keeps nobody waiting for whom somebody else asked in vain', async (t) => {
    const liar = await openOidcLiar(t);
    const service = serviceOf([oidc(liar)], { requestMilliseconds: 250 });
    liar.lies['/.well-known/openid-configuration'] = () => {};

    const attempts = await Promise.allSettled([1, 2, 3].map(() => service.authorizationUrl('acme', newTrip())));

    assert.deepEqual(
      attempts.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected'],
    );
    assert.equal(liar.asked.length, 1);
  });
});

describe('R146: a request to a provider', () => {
  const asking = { method: 'GET', headers: {}, body: undefined, redirect: 'manual' } as const;

  it('is not made where an issuer elsewhere may not send it', async (t) => {
    const connections: unknown[] = [];
    const server = createTcpServer((socket) => {
      connections.push(socket);
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const fetch = boundedFetch(reachOf('https://login.acme.example'), LIMITS);

    for (const host of [
      'http://127.0.0.1',
      'https://127.0.0.1',
      'https://localhost',
      'https://2130706433',
      'https://0x7f.1',
    ]) {
      await assert.rejects(fetch(`${host}:${port}/`, asking), { reason: 'NOT_ALLOWED' }, host);
    }
    assert.deepEqual(connections, []);
  });

  it('is not made to a name that is looked up to this machine', async () => {
    const reach = { ...reachOf('https://login.acme.example'), allows: () => true };

    await assert.rejects(boundedFetch(reach, LIMITS)('https://localhost:1/', asking), { reason: 'NOT_PUBLIC' });
  });

  it('bears the name of the product, and nothing that asks for a packed answer', async (t) => {
    const liar = await openOidcLiar(t);
    let headers: Record<string, unknown> = {};
    liar.lies['/token'] = (response) => {
      headers = response.req.headers;
      response.writeHead(400).end();
    };
    const service = serviceOf([oidc(liar)]);
    const { answer, trip } = await travel(service, 'acme', liar);
    await assert.rejects(service.identify('acme', answer, trip), REFUSED);

    assert.deepEqual([headers['user-agent'], headers['accept-encoding']], ['Guichet', undefined]);
  });
});
