import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/browser';
import type { Frame, Page } from 'playwright-core';

type Opening = { after(undo: () => unknown): void };

const LIBRARY = readFileSync(
  new URL('../dist/bundle/index.umd.min.js', import.meta.resolve('@simplewebauthn/browser')),
);
const PAGE = `<!doctype html>
<html lang="en">
<title>Passkeys</title>
<label>E-mail <input name="email" autocomplete="username webauthn"></label>
<script src="/simplewebauthn.js"></script>`;
/** A page that lets the one it frames use passkeys. */
const framing = (url: string): string => `<!doctype html>
<html lang="en">
<title>A frame</title>
<iframe allow="publickey-credentials-get *; publickey-credentials-create *" src="${encodeURI(url)}"></iframe>`;

/** A site of one page, which has SimpleWebAuthn and a field that passkeys are offered in; the same by either name. */
export interface PasskeySite {
  /** `http://localhost:<port>` */
  origin: string;
  /** The same by the address, which is another origin. */
  addressOrigin: string;
  /** A page of this site that frames another. */
  framing(url: string): string;
}

export async function openPasskeySite(t: Opening): Promise<PasskeySite> {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const frames = searchParams.get('frames');
    if (pathname === '/simplewebauthn.js') response.setHeader('Content-Type', 'text/javascript').end(LIBRARY);
    else if (pathname !== '/') response.writeHead(404).end();
    else response.setHeader('Content-Type', 'text/html; charset=utf-8').end(frames ? framing(frames) : PAGE);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const origin = `http://localhost:${port}`;
  return {
    origin,
    addressOrigin: `http://127.0.0.1:${port}`,
    framing: (url) => `${origin}/?frames=${encodeURIComponent(url)}`,
  };
}

/** SimpleWebAuthn in a page, or in a frame of one; what the browser refuses rejects with its name in the message. */
export const passkeysIn = (page: Page | Frame) => ({
  register: (options: object): Promise<RegistrationResponseJSON> =>
    page.evaluate(`SimpleWebAuthnBrowser.startRegistration({ optionsJSON: ${JSON.stringify(options)} })`),
  signIn: (options: object): Promise<AuthenticationResponseJSON> =>
    page.evaluate(`SimpleWebAuthnBrowser.startAuthentication({ optionsJSON: ${JSON.stringify(options)} })`),
  /** Signs in with the passkey that the browser offers in the page's field. */
  signInByAutofill: (options: object): Promise<AuthenticationResponseJSON> =>
    page.evaluate(
      `SimpleWebAuthnBrowser.startAuthentication({ optionsJSON: ${JSON.stringify(options)}, useBrowserAutofill: true })`,
    ),
});
