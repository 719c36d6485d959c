import { connect } from 'node:net';
import type { Round } from './bare-work.ts';

/** One client on one connection: what it asks next, and what it makes of the answer. */
export interface Asker {
  next(): Buffer;
  answered?(answer: Answer): void;
}

export interface Answer {
  status: number;
  /** Status line and headers. */
  head: string;
  body: string;
}

/**
 * Asks over keep-alive connections, one request at a time on each, and counts the answers.
 * It does no more than it must with them, so that of the machine's few cores most is left to the server.
 *
 * @throws if any answer has another status than 200
 */
export async function drive(of: {
  port: number;
  askers: readonly Asker[];
  milliseconds: number;
}): Promise<Required<Round>> {
  const times: number[] = [];
  const from = performance.now();
  const until = from + of.milliseconds;
  await Promise.all(
    of.askers.map((asker) =>
      converse(of.port, asker.next(), (answer, took) => {
        if (answer.status !== 200) throw new Error(`expected 200, was answered ${answer.head}\r\n${answer.body}`);
        asker.answered?.(answer);
        times.push(took);
        return performance.now() < until ? asker.next() : undefined;
      }),
    ),
  );
  const seconds = (performance.now() - from) / 1000;
  times.sort((one, other) => one - other);
  const quantile = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return {
    count: times.length,
    rate: times.length / seconds,
    p50Milliseconds: quantile(0.5),
    p99Milliseconds: quantile(0.99),
  };
}

/** @throws if nobody answers */
export async function askOnce(port: number, question: Buffer): Promise<Answer> {
  let only: Answer = { status: 0, head: '', body: '' };
  await converse(port, question, (answer) => {
    only = answer;
    return undefined;
  });
  return only;
}

/** Sends requests one after another on one connection, each made from the answer before it, until there is none. */
function converse(
  port: number,
  first: Buffer,
  nextAfter: (answer: Answer, tookMilliseconds: number) => Buffer | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let text = '';
    let asked = performance.now();
    const end = (settle: () => void): void => {
      socket.destroy();
      settle();
    };
    socket.on('connect', () => socket.write(first));
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('close', () => reject(new Error('the server closed the connection')));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const cut = text.indexOf('\r\n\r\n');
      if (cut < 0) return;
      const head = text.slice(0, cut);
      if (text.length < cut + 4 + lengthIn(head)) return;
      const answer = { status: Number(head.slice(9, 12)), head, body: text.slice(cut + 4) };
      text = '';
      try {
        const next = nextAfter(answer, performance.now() - asked);
        if (!next) return end(resolve);
        asked = performance.now();
        socket.write(next);
      } catch (error) {
        end(() => reject(error));
      }
    });
  });
}

function lengthIn(head: string): number {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`the answer tells no Content-Length:\n${head}`);
  return Number(length);
}

/**
 * A request in bytes.
 *
 * @param line such as `GET /v1/auth/me`
 */
export function request(line: string, headers: Record<string, string> = {}, body?: object): Buffer {
  const text = body ? JSON.stringify(body) : '';
  const all = {
    Host: 'auth.example.org',
    'User-Agent': USER_AGENT,
    ...headers,
    ...(body && { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(text)) }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return Buffer.from(`${[`${line} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n${text}`);
}

export const USER_AGENT = 'guichet-bench';
