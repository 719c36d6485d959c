import { type DestinationStream, type Logger, pino } from 'pino';
import type { Settings } from '../config/settings.ts';

/**
 * JSON lines, or readable text when a person is watching.
 *
 * @param stream where they go
 */
export async function createLogger(
  level: Settings['GUICHET_LOG_LEVEL'],
  stream: NodeJS.WritableStream & { isTTY?: boolean },
): Promise<Logger> {
  return pino({ level }, stream.isTTY ? await readable(stream) : (stream as DestinationStream));
}

async function readable(destination: NodeJS.WritableStream): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  return pretty({
    destination,
    translateTime: 'SYS:HH:MM:ss',
    singleLine: true,
    ignore: 'pid,hostname',
    colorize: true,
  });
}
