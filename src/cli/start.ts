import type { Command } from 'commander';
import { type Composition, compose } from '../compose.ts';
import { createLogger } from './log.ts';
import { type Cli, settingsFor } from './open.ts';

/** A second signal within this time is the same wish: npm and a terminal both send it. */
const sameWishMilliseconds = 1000;
/** Somewhat longer than a request under way is waited for. */
const longestStopMilliseconds = 15_000;

export function addStartCommand(program: Command, cli: Cli): void {
  program
    .command('start')
    .description('serve until told to stop (SIGTERM, Ctrl-C)')
    .action(() => start(cli));
}

async function start(cli: Cli): Promise<void> {
  const { io, output } = cli;
  const stop = stopSignal();
  const settings = settingsFor(cli);
  const log = await createLogger(settings.GUICHET_LOG_LEVEL, output.json ? io.stderr : io.stdout);
  const server = await compose(settings, { log });
  try {
    const { host, port } = await server.listen();
    const links = linksOf(server, port);
    log.info({ host, port, mode: server.derived.mode, publicUrl: links.publicUrl }, 'listening');
    if (output.json) output.result({ host, port, mode: server.derived.mode, ...links }, '');
    else if (io.stdout.isTTY || server.derived.mode === 'development') output.result(undefined, welcome(links));
    // Starting leaves garbage that an idle server would never collect: 30 MB of some 150.
    globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    log.info({ signal: await stop }, 'stopping');
  } finally {
    setTimeout(() => process.exit(1), longestStopMilliseconds).unref();
    await server.close();
  }
  log.info('stopped');
}

interface Links {
  publicUrl: string;
  mailbox: string | null;
  docs: string | null;
}

function linksOf({ derived, settings }: Composition, port: number): Links {
  // With GUICHET_PORT=0 the default public URL was worked out before a free port was found.
  const publicUrl = derived.publicUrl.port === '0' ? `http://localhost:${port}` : derived.publicOrigin;
  return {
    publicUrl,
    mailbox: derived.developmentMailbox ? `${publicUrl}/dev/mailbox` : null,
    docs: settings.GUICHET_DOCS ? `${publicUrl}/docs` : null,
  };
}

function welcome({ publicUrl, mailbox, docs }: Links): string {
  const lines = [
    `  Guichet is ready at  ${publicUrl}`,
    mailbox && `  Mail it would send   ${mailbox}`,
    docs && `  API reference        ${docs}`,
  ];
  return ['', ...lines.filter(Boolean), '  Ctrl-C stops it', ''].join('\n');
}

/** Resolves at the first signal to stop; one that comes after the same wish is over ends the process at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let first: number | undefined;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const now = performance.now();
      first ??= now;
      if (now - first > sameWishMilliseconds) process.exit(1);
      resolve(signal);
    });
  }
  return promise;
}
