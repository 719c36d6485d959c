// Guichet in a process of its own, all of it real: what is under measurement.
import { pino } from 'pino';
import { compose } from '../src/compose.ts';
import { loadSettings } from '../src/config/load.ts';

const { settings } = loadSettings(process.env);
const composition = await compose(settings, { log: pino({ level: settings.GUICHET_LOG_LEVEL }, process.stderr) });
await composition.listen();
process.once('SIGTERM', async () => {
  await composition.close();
  process.exit(0);
});
