import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Lifetime, listenOnLoopback } from './loopback.ts';

export interface GitHubRequest {
  method: string | undefined;
  path: string;
  headers: IncomingMessage['headers'];
  form: URLSearchParams;
}

export type GitHubAnswer = (response: ServerResponse, request: GitHubRequest) => void;

export interface GitHubLookAlike {
  /** As `GUICHET_GITHUB_BASE_URL` takes it; its interface is at `apiUrl`, on the same port. */
  url: string;
  apiUrl: string;
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** What it says about whoever signs in; any value, so that it can lie. */
  user: unknown;
  emails: unknown;
  /** What it answers instead of the truth, by path. */
  lies: Record<string, GitHubAnswer>;
  asked: GitHubRequest[];
  /** @returns where the browser is sent back to, with `code` and `state` */
  signInAt(authorizationUrl: string): Promise<string>;
}

interface Code {
  challenge: string | null;
  redirectUri: string | null;
}

/** Answers as GitHub does: errors of its token endpoint come with 200. */
export async function openGitHub(t: Lifetime): Promise<GitHubLookAlike> {
  const codes = new Map<string, Code>();
  const tokens = new Set<string>();
  const { server, url } = await listenOnLoopback(t);
  const github: GitHubLookAlike = {
    url,
    apiUrl: `${url}/api/v3`,
    issuer: `${url}/login/oauth`,
    clientId: 'Iv1.8a61f9b3a7aba766',
    clientSecret: randomBytes(20).toString('hex'),
    user: { id: 583231, login: 'octocat', name: 'The Octocat', avatar_url: 'https://avatars.example.com/u/583231?v=4' },
    emails: [
      { email: 'octocat@users.noreply.example.com', verified: true, primary: false, visibility: null },
      { email: 'octocat@example.com', verified: true, primary: true, visibility: 'private' },
    ],
    lies: {},
    asked: [],
    async signInAt(authorizationUrl) {
      const response = await fetch(authorizationUrl, { redirect: 'manual' });
      await response.body?.cancel();
      const location = response.headers.get('location');
      if (location === null) throw new Error(`the sign-in ended with ${response.status}`);
      return location;
    },
  };

  const authorize: GitHubAnswer = (response, { form }) => {
    const back = new URL(form.get('redirect_uri') ?? '');
    const code = randomBytes(10).toString('hex');
    codes.set(code, { challenge: form.get('code_challenge'), redirectUri: form.get('redirect_uri') });
    back.search = new URLSearchParams({ code, iss: github.issuer, state: form.get('state') ?? '' }).toString();
    response.writeHead(302, { location: back.href }).end();
  };

  const redeem: GitHubAnswer = (response, { form }) => {
    const code = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (form.get('client_id') !== github.clientId || form.get('client_secret') !== github.clientSecret) {
      return json(response, { error: 'incorrect_client_credentials', error_description: 'The client_id is wrong.' });
    }
    if (!code || code.challenge !== challenge || code.redirectUri !== form.get('redirect_uri')) {
      return json(response, { error: 'bad_verification_code', error_description: 'The code is incorrect or expired.' });
    }
    const token = `gho_${randomBytes(18).toString('base64url')}`;
    tokens.add(token);
    json(response, { access_token: token, token_type: 'bearer', scope: 'read:user,user:email' });
  };

  const withToken =
    (tell: () => unknown): GitHubAnswer =>
    (response, { headers }) => {
      if (tokens.has(headers.authorization?.replace(/^Bearer /, '') ?? '')) json(response, tell());
      else json(response, { message: 'Bad credentials' }, 401);
    };

  const truths: Record<string, GitHubAnswer> = {
    '/login/oauth/authorize': authorize,
    '/login/oauth/access_token': redeem,
    '/api/v3/user': withToken(() => github.user),
    '/api/v3/user/emails': withToken(() => github.emails),
  };
  server.on('request', async (incoming, response) => {
    const { pathname: path, searchParams } = new URL(incoming.url ?? '/', url);
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const form = incoming.method === 'POST' ? new URLSearchParams(Buffer.concat(chunks).toString()) : searchParams;
    const request = { method: incoming.method, path, headers: incoming.headers, form };
    github.asked.push(request);
    const answer = github.lies[path] ?? truths[path] ?? ((unknown) => json(unknown, { message: 'Not Found' }, 404));
    answer(response, request);
  });
  return github;
}

export function json(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}
