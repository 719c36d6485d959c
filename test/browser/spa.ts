import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContext, Page } from 'playwright-core';
import { openBrowser } from '../support/browser.ts';
import { type Listening, openListening } from './listening.ts';

type Opening = { after(undo: () => unknown): void };

const AXIOS = readFileSync(new URL('dist/axios.js', import.meta.resolve('axios/package.json')));

/** A front end’s page: the documented client on axios, and another that has nothing but `fetch`. */
const page = (apiUrl: string, head: string): string => `<!doctype html>
<html lang="en">
<title>A front end</title>
${head}
<script src="/axios.js"></script>
<script>
const apiUrl = ${JSON.stringify(apiUrl)};
const headers = {
  'Content-Type': 'application/json',
  Accept: 'application/json',
  'X-Requested-With': 'XMLHttpRequest',
};
const httpClient = axios.create({ baseURL: apiUrl, headers, withCredentials: true, withXSRFToken: true });
const AuthRepository = {
  async login(credentials) {
    await httpClient.get('/sanctum/csrf-cookie');
    await httpClient.post('/api/v1/auth/login', credentials);
  },
  async logout() {
    await httpClient.get('/sanctum/csrf-cookie');
    await httpClient.post('/api/v1/auth/logout');
  },
};
const heard = (asked) => asked.then(
  (answer) => answer ? { status: answer.status, data: answer.data } : 'done',
  ({ code, response }) => response ? { code, status: response.status, data: response.data } : { code },
);
const plainly = async (method, path, body) => {
  const [, token = ''] = /(?:^|; )XSRF-TOKEN=([^;]*)/.exec(document.cookie) ?? [];
  const answer = await fetch(apiUrl + path, {
    method, credentials: 'include', headers: { ...headers, 'X-XSRF-TOKEN': token }, body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, data: text && JSON.parse(text) };
};
</script>`;

/** What the page's script was told: an answer, an answer that axios made an error of (with its code), or none. */
export interface Heard {
  code?: string;
  status?: number;
  data?: unknown;
}

/** One page of a browser with the front end in it. */
export class Spa {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Asks by the documented client. */
  ask = (method: string, url: string, data?: unknown): Promise<Heard> =>
    this.#run(`heard(httpClient.request(${JSON.stringify({ method, url, data })}))`);
  get = (url: string): Promise<Heard> => this.ask('GET', url);
  post = (url: string, data?: unknown): Promise<Heard> => this.ask('POST', url, data);
  user = (): Promise<Heard> => this.get('/api/v1/user');
  /** `'done'`, or what it failed with. */
  login = (credentials: object): Promise<Heard | 'done'> =>
    this.#run(`heard(AuthRepository.login(${JSON.stringify(credentials)}))`);
  logout = (): Promise<Heard | 'done'> => this.#run('heard(AuthRepository.logout())');
  /** Asks with `fetch`, and the token as it stands in `document.cookie`. */
  plainly = (method: string, path: string, body?: object): Promise<Heard> =>
    this.#run(`plainly(${[method, path, body].map((each) => JSON.stringify(each)).join(', ')})`);

  #run<T>(script: string): Promise<T> {
    return this.page.evaluate(script);
  }
}

export interface FrontEnds extends Listening {
  /** Where the API is reached, its public URL. */
  api: string;
  /** Where the front end is served. */
  spa: string;
  /** The same page on a port of its own, by a name of this machine. */
  elsewhere(host: 'localhost' | '127.0.0.1'): Promise<string>;
  /**
   * Holds back what is asked of the API (but for preflights) until so many requests are there. A browser does not ask
   * for one address twice at a time, unless by a change.
   */
  together(count: number): void;
  /** What came through to the API so far, and how it was answered. */
  passedOn: PassedOn[];
  /** A browser with nothing remembered, and a page of the front end in it. */
  open(t: Opening, at?: string): Promise<OpenedBrowser>;
}

interface PassedOn {
  asked: string;
  status: number;
  setsCookies: boolean;
}

interface OpenedBrowser {
  context: BrowserContext;
  first: Spa;
  /** Another tab; of the front end, unless another address is given. */
  another(at?: string): Promise<Spa>;
  cookie(name: string): Promise<string | undefined>;
  /** What the browser complained of so far: a request that it did not let through, an error of a page. */
  complaints: string[];
}

/** A server behind a proxy, its public URL, which serves the front end too (`same origin`), or leaves that to another. */
export async function openFrontEnds(t: Opening, kind: 'same origin' | 'another origin'): Promise<FrontEnds> {
  let target = '';
  const passedOn: PassedOn[] = [];
  let held: (() => void)[] = [];
  let awaited = 0;
  const proxy = (asked: IncomingMessage, answer: ServerResponse): void => {
    const pass = (): void => {
      const { headers, method, url } = asked;
      const passed = request(`${target}${url}`, { method, headers }, (response) => {
        const { headers: given, statusCode: status = 502 } = response;
        passedOn.push({ asked: `${method} ${url}`, status, setsCookies: given['set-cookie'] !== undefined });
        answer.writeHead(status, response.rawHeaders);
        response.pipe(answer);
      });
      passed.on('error', () => answer.destroy());
      asked.pipe(passed);
    };
    if (asked.method === 'OPTIONS') {
      pass();
      return;
    }
    held.push(pass);
    if (held.length < awaited) return;
    for (const each of held) each();
    held = [];
    awaited = 0;
  };

  const api = await listen(t, (asked, answer) => {
    const isApi = /^\/(api|sanctum)\//.test(asked.url ?? '');
    if (isApi || kind === 'another origin') proxy(asked, answer);
    else serve(asked, answer, '');
  });
  const elsewhere: FrontEnds['elsewhere'] = async (host) => {
    const port = await listen(t, (asked, answer) => serve(asked, answer, publicUrl));
    return `http://${host}:${port}`;
  };
  const publicUrl = `http://localhost:${api}`;
  const spa = kind === 'same origin' ? publicUrl : await elsewhere('localhost');
  const env = { GUICHET_PUBLIC_URL: publicUrl, GUICHET_ALLOWED_ORIGINS: spa };
  const world = await openListening(t, { env });
  target = world.origin;

  return {
    ...world,
    api: publicUrl,
    spa,
    elsewhere,
    passedOn,
    together(count) {
      awaited = count;
    },
    async open(opening, start = spa) {
      const context = await openBrowser(opening);
      const complaints: string[] = [];
      context.on('requestfailed', (failed) => {
        complaints.push(`${failed.method()} ${failed.url()}: ${failed.failure()?.errorText}`);
      });
      context.on('console', (line) => {
        // Of an answer that is no success it tells as well, which is as it should be.
        const isStatus = /^Failed to load resource: the server responded with a status of /.test(line.text());
        if (line.type() === 'error' && !isStatus) complaints.push(line.text());
      });
      context.on('weberror', (error) => complaints.push(String(error.error())));
      const another = async (at = start): Promise<Spa> => {
        const opened = await context.newPage();
        await opened.goto(at);
        return new Spa(opened);
      };
      const cookie = async (name: string): Promise<string | undefined> =>
        (await context.cookies()).find((each) => each.name === name)?.value;
      return { context, first: await another(), another, cookie, complaints };
    },
  };
}

/** The page, at `/no-referrer` with the wish that nobody is told where a request comes from. */
function serve({ url }: IncomingMessage, answer: ServerResponse, apiUrl: string): void {
  const head = url === '/no-referrer' ? '<meta name="referrer" content="no-referrer">' : '';
  if (url === '/axios.js') answer.setHeader('Content-Type', 'text/javascript').end(AXIOS);
  else if (url === '/favicon.ico') answer.writeHead(204).end();
  else answer.setHeader('Content-Type', 'text/html; charset=utf-8').end(page(apiUrl, head));
}

async function listen(t: Opening, listener: (asked: IncomingMessage, answer: ServerResponse) => void): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
