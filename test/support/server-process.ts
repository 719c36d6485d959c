// A server in a process of its own, for tests that end it: settings in the environment, `listening on PORT` on standard output.
import { flushCompileCache } from 'node:module';
import { pino } from 'pino';
import { compose } from '../../src/compose.ts';
import { loadSettings } from '../../src/config/load.ts';
import { ARGON2_PARAMETERS } from '../../src/crypto/password-hasher.ts';

const { settings } = loadSettings(process.env);
/** Makes leases of the process before run out. */
const ahead = Number(process.env['TEST_CLOCK_AHEAD'] ?? 0);
const composition = await compose(settings, {
  log: pino({ level: settings.GUICHET_LOG_LEVEL }, process.stderr),
  overrides: {
    clock: {
      now: () => Date.now() + ahead,
      wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    },
    argon2:
      process.env['TEST_HASH'] === 'real'
        ? ARGON2_PARAMETERS
        : { memoryCost: 64, timeCost: 1, parallelism: 1, outputLen: 32 },
    passwordAdvice: { flawOf: async () => undefined },
  },
});
const { port } = await composition.listen();
process.stdout.write(`listening on ${port}\n`);
// At once, since it may never come to an orderly end.
flushCompileCache();
process.once('SIGTERM', async () => {
  await composition.close();
  process.exit(0);
});
