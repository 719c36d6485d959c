import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Compiled once for all the processes that the tests start: it halves a start. */
const COMPILED = fileURLToPath(new URL('../../node_modules/.cache/guichet-tests', import.meta.url));
const SCRIPT = fileURLToPath(new URL('./server-process.ts', import.meta.url));

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test finds in it, it says
  body: any;
  /** What `Set-Cookie` set, by name. */
  cookies: Record<string, string>;
}

export interface Question {
  body?: object;
  cookies?: Record<string, string>;
  userAgent?: string;
}

/** No answer came, or a 503: the request may have been carried out, or not. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
  /** By `performance.now()`. */
  readonly askedAt: number;

  constructor(what: string, askedAt: number, cause: Error) {
    super(`${what}: ${cause.message}`, { cause });
    this.askedAt = askedAt;
  }
}

export interface RunningServer {
  pid: number;
  port: number;
  /** @throws {Unanswered} when the connection breaks before the whole answer is here */
  ask(method: string, path: string, question?: Question): Promise<Answer>;
  /** Ends it at once, as a power cut would. */
  kill(): Promise<void>;
  /** Tells it to stop, and waits. @returns its exit code */
  stop(): Promise<number | null>;
}

/** Starts `server-process.ts` and waits until it listens. */
export async function startServer(env: Record<string, string>): Promise<RunningServer> {
  const child = spawn(process.execPath, [SCRIPT], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      UV_THREADPOOL_SIZE: String(availableParallelism() + 4),
      NODE_COMPILE_CACHE: COMPILED,
      GUICHET_PORT: '0',
      GUICHET_LOG_LEVEL: 'fatal',
      ...env,
    },
  });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const end = (signal: NodeJS.Signals): void => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  };
  // However the tests end, it does not outlive them.
  const last = (): void => end('SIGKILL');
  process.once('exit', last);
  void ended.then(() => process.off('exit', last));

  const line = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([text]) => text as string),
    ended.then(([code]) => `ended with exit code ${code}`),
  ]);
  const port = Number(/^listening on (\d+)$/.exec(line)?.[1]);
  if (!port) throw new Error(`the server did not start: it ${line}`);

  const agent = new Agent({ keepAlive: true });
  return {
    pid: child.pid as number,
    port,
    ask: (method, path, question) => askOver(agent, port, method, path, question),
    async kill() {
      end('SIGKILL');
      await ended;
      agent.destroy();
    },
    async stop() {
      end('SIGTERM');
      const [code] = await ended;
      agent.destroy();
      return code;
    },
  };
}

function askOver(
  agent: Agent,
  port: number,
  method: string,
  path: string,
  { body, cookies, userAgent }: Question = {},
): Promise<Answer> {
  const text = body && JSON.stringify(body);
  const headers = {
    'User-Agent': userAgent ?? 'somebody',
    ...(text && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
    ...(cookies && {
      Cookie: Object.entries(cookies)
        .map(([name, value]) => `${name}=${value}`)
        .join('; '),
    }),
  };
  const askedAt = performance.now();
  return new Promise((resolve, reject) => {
    const broken = (error: Error): void => reject(new Unanswered(`${method} ${path}`, askedAt, error));
    const asked = request({ agent, host: '127.0.0.1', port, method, path, headers }, (response) => {
      let received = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        received += chunk;
      });
      response.on('error', broken);
      response.on('end', () => {
        // It refuses, and has carried out nothing.
        if (response.statusCode === 503) return broken(new Error(`503 ${received}`));
        const set = (response.headers['set-cookie'] ?? []).map((line) => line.split(';')[0]?.split('=') ?? []);
        resolve({
          status: response.statusCode ?? 0,
          body: received && JSON.parse(received),
          cookies: Object.fromEntries(set.map(([name, ...value]) => [name, value.join('=')])),
        });
      });
    });
    asked.on('error', broken);
    asked.end(text);
  });
}
