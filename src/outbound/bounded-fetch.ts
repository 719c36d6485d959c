import { type IncomingMessage, request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { CustomFetch, CustomFetchOptions } from 'openid-client';
import type { Reach } from './reach.ts';
import { Unreachable } from './trouble.ts';

/** How long a service may take, and how much it may say (R104, R146). */
export interface FetchLimits {
  /** For one request, from looking up the host to the last byte of the answer. */
  requestMilliseconds: number;
  /** For the body of one answer. */
  bodyBytes: number;
}

/** Heard by those who understand answers. */
const HEADERS = ['content-type', 'www-authenticate'];

/** Answers that say nothing about the question: a service in trouble, or one that wants to be left alone for a while. */
const isNoAnswer = (status: number) => status >= 500 || status === 408 || status === 429;

/**
 * A `fetch` that goes only where it may, follows no redirect, and waits and reads only so much.
 * It is Node's own client, because fetch leaves no say in how a name is looked up.
 *
 * @param whole ends the request with everything else that it belongs to
 * @throws {Unreachable} unless there is a whole answer from somebody who is not in trouble
 * @see R104, R146
 */
export function boundedFetch(reach: Reach, limits: FetchLimits, whole?: AbortSignal): CustomFetch {
  return async (address, options) => {
    const url = new URL(address);
    if (!reach.allows(url)) throw new Unreachable('NOT_ALLOWED');
    const own = AbortSignal.timeout(limits.requestMilliseconds);
    const signal = whole ? AbortSignal.any([whole, own]) : own;
    const answer = await ask(url, options, { lookup: reach.lookupFor(url), signal, limits }).catch((error) => {
      if (error instanceof Unreachable) throw error;
      throw new Unreachable(signal.aborted ? 'TIMEOUT' : codeOf(error));
    });
    if (isNoAnswer(answer.status)) throw new Unreachable(`HTTP ${answer.status}`);
    return new Response([204, 205, 304].includes(answer.status) ? null : answer.body, answer);
  };
}

async function ask(
  url: URL,
  { method, headers, body }: CustomFetchOptions,
  { lookup, signal, limits }: { lookup: LookupFunction | undefined; signal: AbortSignal; limits: FetchLimits },
): Promise<{ status: number; headers: [string, string][]; body: Buffer<ArrayBuffer> }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = (url.protocol === 'http:' ? overHttp : overHttps)(url, {
      method,
      headers: { ...headers, 'user-agent': 'Guichet' },
      agent: false,
      signal,
      // Also where the environment says that certificates need not be right.
      rejectUnauthorized: true,
      ...(lookup && { lookup }),
    });
    // Stays after the answer has come: what breaks then is told to its reader as well.
    request.on('error', reject);
    request.on('response', resolve);
    request.end(body ? String(body) : undefined);
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    // Leaving the loop closes the connection.
    if (size > limits.bodyBytes) throw new Unreachable('TOO_LARGE');
    chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    headers: HEADERS.flatMap((name): [string, string][] => {
      const value = response.headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
    body: Buffer.concat(chunks),
  };
}

/** A code such as `ECONNREFUSED`: the texts of network errors name hosts and addresses. */
function codeOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return String(code ?? name ?? 'unknown');
}
