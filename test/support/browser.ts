import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after } from 'node:test';
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core';

type Opening = { after(undo: () => unknown): void };

const executablePath = process.env['TEST_CHROMIUM'] || inPath('chromium', 'chromium-browser', 'google-chrome');

/** Why a test in a browser can't run, for `skip`. */
export const noChromium: string | false =
  executablePath === undefined &&
  'no Chromium: install one (apt-get install chromium), or name its binary in TEST_CHROMIUM';

let shared: Promise<Browser> | undefined;
after(async () => (await shared)?.close());

/** Chromium with nothing remembered: one process for the whole run, a profile of its own for each call. */
export async function openBrowser(t: Opening): Promise<BrowserContext> {
  if (executablePath === undefined) throw new Error(noChromium || undefined);
  shared ??= chromium.launch({
    executablePath,
    // Its sandbox needs rights that root has not, nor a container's user.
    chromiumSandbox: false,
    // It reaches this machine and nothing else.
    args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'],
  });
  const context = await (await shared).newContext();
  t.after(() => context.close());
  return context;
}

/** An authenticator that Chromium plays itself, as if built into the machine, or plugged in. */
export interface VirtualAuthenticator {
  credentials(): Promise<{ id: string; rpId: string; userHandle: string | null; counter: number }[]>;
  /** Whether the next fingerprint or PIN is right. */
  setUserVerified(isVerified: boolean): Promise<void>;
  remove(): Promise<void>;
}

/** Gives a page an authenticator, whose user is there at once; only that page has it. */
export async function virtualAuthenticator(
  page: Page,
  of: {
    userVerified?: boolean;
    residentKey?: boolean;
    transport?: 'internal' | 'usb';
    /** Whether its passkeys are kept in several places. */
    synced?: boolean;
  } = {},
): Promise<VirtualAuthenticator> {
  const { userVerified = true, residentKey = true, transport = 'internal', synced = false } = of;
  const devtools = await devtoolsOf(page);
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      ctap2Version: 'ctap2_1',
      transport,
      hasResidentKey: residentKey,
      hasUserVerification: true,
      isUserVerified: userVerified,
      automaticPresenceSimulation: true,
      defaultBackupEligibility: synced,
      defaultBackupState: synced,
    },
  });
  return {
    async credentials() {
      const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId });
      return credentials.map(({ credentialId, rpId = '', signCount, userHandle }) => ({
        id: inBase64url(credentialId),
        rpId,
        userHandle: userHandle ? inBase64url(userHandle) : null,
        counter: signCount,
      }));
    },
    async setUserVerified(isUserVerified) {
      await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified });
    },
    async remove() {
      await devtools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId });
    },
  };
}

const sessions = new WeakMap<Page, Promise<CDPSession>>();

/** Enabling WebAuthn twice would take the first authenticator away. */
function devtoolsOf(page: Page): Promise<CDPSession> {
  const open = async (): Promise<CDPSession> => {
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    return devtools;
  };
  const session = sessions.get(page) ?? open();
  sessions.set(page, session);
  return session;
}

const inBase64url = (base64: string): string => Buffer.from(base64, 'base64').toString('base64url');

function inPath(...names: string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
