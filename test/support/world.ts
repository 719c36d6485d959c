import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type Composition, compose, type Overrides } from '../../src/compose.ts';
import { loadSettings } from '../../src/config/load.ts';
import type { Clock } from '../../src/core/world.ts';
import { PasswordAdvisor } from '../../src/password-advice/advisor.ts';
import { makePostgresDatabase, sqliteFile } from './databases.ts';

type Opening = { after(undo: () => unknown): void };

/** A clock that stands still until it is turned. */
export class TestClock implements Clock {
  #now = Date.UTC(2026, 0, 15, 9, 30);
  now(): number {
    return this.#now;
  }
  /** Twenty times as quick as it says, and the hour stays: what others do meanwhile takes real time. */
  async wait(milliseconds: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, milliseconds / 20));
  }
  advance(by: { days?: number; hours?: number; minutes?: number; seconds?: number; milliseconds?: number }): void {
    const { days = 0, hours = 0, minutes = 0, seconds = 0, milliseconds = 0 } = by;
    this.#now += (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + milliseconds;
  }
}

/** Quick hashes: what is tested is never their strength, but where that is said. */
const QUICK = { memoryCost: 64, timeCost: 1, parallelism: 1, outputLen: 32 };
let drawn = 0;
/** One that is later in order is later in time, so that letters of one instant arrive in the order they were written. */
const uuid = (): string => `${(drawn++).toString(16).padStart(8, '0')}${randomUUID().slice(8)}`;
/** One thread of dictionaries serves the whole run. */
const advisor = new PasswordAdvisor();
export const SECRET = 'm0Jq7vXbR2tYp9WcK4sLd8NfHgZ1uEoA5iTx';

export interface TestWorld extends Composition {
  clock: TestClock;
  /** Mails so far, newest first, once all that wait were sent. */
  mails(
    to?: string,
  ): Promise<
    { to: string; subject: string; text: string; html: string | null; links: string[]; code: string | null }[]
  >;
  /** The token in the newest mail's link. */
  tokenFor(to: string): Promise<string>;
}

export interface WorldOptions {
  database?: 'sqlite' | 'postgres';
  /** Environment variables over those a test begins with. */
  env?: Record<string, string>;
  overrides?: Overrides;
  /** Lines that the server logs; otherwise they are dropped. */
  log?: { write(line: string): void };
}

/** The whole server on a database of its own, with a clock that the test turns; nothing listens. */
export async function openWorld(t: Opening, options: WorldOptions = {}): Promise<TestWorld> {
  const clock = new TestClock();
  const folder = mkdtempSync(join(tmpdir(), 'guichet-world-'));
  const { settings } = loadSettings({
    GUICHET_DATA_DIR: folder,
    GUICHET_DATABASE_URL:
      options.database === 'postgres'
        ? await makePostgresDatabase(t, { migrated: true })
        : `sqlite:${await sqliteFile(folder)}`,
    GUICHET_DURABILITY: 'normal',
    GUICHET_SECRET: SECRET,
    ...options.env,
  });
  const composition = await compose(settings, {
    log: pino({ level: options.log ? 'debug' : 'silent' }, options.log ?? process.stderr),
    overrides: {
      clock,
      random: { bytes: (length) => randomBytes(length), uuid },
      argon2: QUICK,
      passwordAdvice: advisor,
      ...options.overrides,
    },
  });
  t.after(async () => {
    await composition.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const mails: TestWorld['mails'] = async (to) => {
    await composition.deliver();
    return (await composition.mailbox?.list(to === undefined ? {} : { to })) ?? [];
  };
  return {
    ...composition,
    clock,
    mails,
    async tokenFor(to) {
      const link = (await mails(to)).find(({ links }) => links.length > 0)?.links[0];
      const { searchParams } = new URL(link ?? 'none:');
      // An invitation's link says it in hex.
      const token =
        searchParams.get('token') ?? Buffer.from(searchParams.get('signature') ?? '', 'hex').toString('base64url');
      if (!token) throw new Error(`no mail with a link went to ${to}`);
      return token;
    },
  };
}
