import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { openWorld } from '../../support/world.ts';
import { SECRET_VALUE, SESSION_ID, USER_ID } from './answers.ts';
import type { Body } from './client.ts';

/** The document's lines, letter for letter. */
const SIGN_UP = `curl -X POST http://localhost:3000/api/auth/sign-up \\
-H "Content-Type: application/json" \\
-d '{
"email": "user@example.com",
"password": "SecurePassword123"
}'`;
const SIGN_IN = `curl -X POST http://localhost:3000/api/auth/sign-in \\
-H "Content-Type: application/json" \\
-d '{
"email": "user@example.com",
"password": "SecurePassword123"
}'`;
const SIGN_OUT = `curl -X POST http://localhost:3000/api/auth/sign-out \\
-H "Authorization: Bearer YOUR_TOKEN"`;
const SESSION = `curl http://localhost:3000/api/auth/session \\
-H "Authorization: Bearer YOUR_TOKEN"`;
const MAGIC_LINK = `curl -X POST http://localhost:3000/api/auth/send-magic-link \\
-H "Content-Type: application/json" \\
-d '{
"email": "user@example.com",
"redirectUrl": "http://localhost:3000/dashboard"
}'`;

const hasCurl = existsSync('/usr/bin/curl') || existsSync('/bin/curl');
const run = promisify(execFile);

it('the document’s cURL lines run as they stand', { skip: hasCurl ? false : 'no curl' }, async (t) => {
  const { listen, mails } = await openWorld(t, { env: { GUICHET_PORT: '0' } });
  const { port } = await listen();
  /** Another port than the document's may be free; what is sent stays as it is. */
  const curl = async (line: string, token = 'YOUR_TOKEN'): Promise<{ status: number; body: Body }> => {
    const pasted = line.replace('//localhost:3000/api', `//localhost:${port}/api`).replace('YOUR_TOKEN', token);
    const { stdout } = await run('bash', ['-c', `${pasted} --silent --show-error --noproxy '*' -w '\\n%{http_code}'`]);
    const [, text = '', status] = /^(.*)\n(\d{3})$/s.exec(stdout) ?? assert.fail(stdout);
    return { status: Number(status), body: JSON.parse(text) as Body };
  };

  const signedUp = await curl(SIGN_UP);
  assert.equal(signedUp.status, 201);
  const { client_token: clientToken, session, user } = signedUp.body;
  assert.ok(user && session && clientToken);
  const { createdAt, id } = user;
  const unproven = { email: 'user@example.com', name: null, image: null, emailVerified: false };
  assert.deepEqual(signedUp.body, {
    user: { ...unproven, id, createdAt },
    session: { id: session.id, token: session.token, expiresAt: session.expiresAt },
    client_token: clientToken,
  });
  assert.match(id, USER_ID);
  assert.match(session.id, SESSION_ID);
  assert.match(session.token, SECRET_VALUE);

  const again = { error: 'USER_ALREADY_EXISTS', message: 'User with this email already exists' };
  assert.deepEqual(await curl(SIGN_UP), { status: 409, body: again });

  const signedIn = await curl(SIGN_IN);
  assert.deepEqual([signedIn.status, signedIn.body.user], [200, user]);
  assert.notEqual(signedIn.body.session?.token, session.token);

  assert.deepEqual(await curl(SESSION, session.token), { status: 200, body: { user, session } });

  const sent = { success: true, message: 'Magic link sent to email' };
  assert.deepEqual(await curl(MAGIC_LINK), { status: 200, body: sent });
  const [link = ''] = (await mails('user@example.com'))[0]?.links ?? [];
  assert.equal(new URL(link).pathname, '/magic-link');

  assert.deepEqual(await curl(SIGN_OUT, session.token), { status: 200, body: { success: true } });
  const dead = { error: 'INVALID_TOKEN', message: 'Token is invalid or expired' };
  for (const line of [SESSION, SIGN_OUT]) {
    assert.deepEqual(await curl(line, session.token), { status: 401, body: dead });
    // Pasted without a thought.
    assert.deepEqual(await curl(line), { status: 401, body: dead });
  }
  assert.equal((await curl(SESSION, signedIn.body.session?.token)).status, 200);
});
