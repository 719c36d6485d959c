import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { makePostgresDatabase, sqliteFile } from '../support/databases.ts';
import { openPostOffice, type PostOffice } from '../support/post-office.ts';
import { type RunningServer, startServer } from '../support/running-server.ts';
import { SECRET } from '../support/world.ts';

export type Kind = 'sqlite' | 'postgres';

/** A database, a mail server, and the servers that run on them, one after another. */
export interface Place {
  url: string;
  secret: string;
  office: PostOffice;
  start(env?: Record<string, string>): Promise<RunningServer>;
}

export async function makePlace(t: TestContext, kind: Kind): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'guichet-crash-'));
  const office = await openPostOffice();
  const url =
    kind === 'postgres' ? await makePostgresDatabase(t, { migrated: true }) : `sqlite:${await sqliteFile(folder)}`;
  let server: RunningServer | undefined;
  t.after(async () => {
    await server?.kill();
    await office.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    url,
    secret: SECRET,
    office,
    async start(env = {}) {
      server = await startServer({
        GUICHET_DATABASE_URL: url,
        GUICHET_DATA_DIR: folder,
        GUICHET_PUBLIC_URL: 'http://localhost:3000',
        GUICHET_SECRET: SECRET,
        GUICHET_MAIL_URL: office.url,
        GUICHET_RATE_LIMITS: 'off',
        GUICHET_DOCS: 'off',
        ...env,
      });
      return server;
    },
  };
}
