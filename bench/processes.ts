import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Round, Stint } from './bare-work.ts';
import { askOnce, request } from './client.ts';

/** As bin/run-on-node.js sets it. */
export const THREADS = String(availableParallelism() + 4);
const START_MILLISECONDS = 60_000;

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Processes that answer on a port. */
export interface Server {
  port: number;
  /** The one that serves. */
  pid: number;
  /** The one that started it and waits for it, if there is one. */
  launcher: number | undefined;
  /** From spawning it to its first good answer. */
  startMilliseconds: number;
  stop(): Promise<void>;
}

/** Starts Guichet by its own command, as everybody does. */
export function startGuichet(env: Record<string, string>, readyAt: string): Promise<Server> {
  return startServer(readyAt, (port) => ({
    args: [pathOf('../bin/guichet.js'), 'start'],
    env: { ...env, GUICHET_PORT: String(port) },
  }));
}

/** Starts `node:http` alone. */
export function startBare(answer: { status: number; headers: [string, string][]; body: string }): Promise<Server> {
  return startServer('/', (port) => ({
    args: [pathOf('bare-server.ts'), JSON.stringify({ port, ...answer })],
    env: {},
  }));
}

async function startServer(
  readyAt: string,
  processOn: (port: number) => { args: string[]; env: Record<string, string> },
): Promise<Server> {
  const port = await freePort();
  const { args, env } = processOn(port);
  const from = performance.now();
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env['PATH'], UV_THREADPOOL_SIZE: THREADS, ...env },
  });
  await answers(child, port, request(`GET ${readyAt}`));
  const startMilliseconds = performance.now() - from;
  const pid = child.pid as number;
  const [serving] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').map(Number);
  return serving
    ? { port, pid: serving, launcher: pid, startMilliseconds, stop: () => stop(child) }
    : { port, pid, launcher: undefined, startMilliseconds, stop: () => stop(child) };
}

async function answers(child: ChildProcess, port: number, question: Buffer): Promise<void> {
  const deadline = performance.now() + START_MILLISECONDS;
  for (;;) {
    const answer = await askOnce(port, question).catch(() => undefined);
    if (answer?.status === 200) return;
    if (child.exitCode !== null) throw new Error(`the server ended with exit code ${child.exitCode}`);
    if (performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the server did not answer within ${START_MILLISECONDS / 1000} s`);
    }
    await sleep(5);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A process that does one thing over and over when it is asked to. */
export interface Worker {
  pid: number;
  round(milliseconds: number): Promise<Round>;
  stop(): Promise<void>;
}

/** @param atOnce how many do it at the same time */
export async function startWorker(script: string, atOnce: number, args: string[] = []): Promise<Worker> {
  const child = fork(pathOf(script), args, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { PATH: process.env['PATH'], UV_THREADPOOL_SIZE: THREADS },
  });
  const answer = async (): Promise<unknown> => {
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`${script} ended with exit code ${code}`);
    });
    const [message] = await Promise.race([once(child, 'message'), ended]);
    return message;
  };
  await answer();
  return {
    pid: child.pid as number,
    async round(milliseconds) {
      child.send({ milliseconds, atOnce } satisfies Stint);
      return (await answer()) as Round;
    },
    stop: () => stop(child),
  };
}

/** Seconds of processor time that a process has used (proc(5): fields 14 and 15, in hundredths). */
export function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Resident memory, now and at its highest, in megabytes. */
export function residentMegabytes(pid: number): { now: number; highest: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return { now: kilobytes('VmRSS') / 1024, highest: kilobytes('VmHWM') / 1024 };
}
