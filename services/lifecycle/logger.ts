import process from 'node:process';
import { type DestinationStream, type LevelWithSilent, type Logger, pino } from 'pino';
import { createLogOutput } from './log-output.ts';

export type { Logger } from 'pino';

export type LoggerOptions = {
  /** The process's name, in every line. */
  name: string;
  level?: LevelWithSilent;
  /** Command-line tools keep stdout for their result and log to stderr. */
  destination?: 'stdout' | 'stderr' | DestinationStream;
};

const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'apiKey',
  'secretAccessKey',
];

/** Password of a URL's user information, in whatever text it was quoted. */
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"]*):[^\s/@"]+@/gi;

/**
 * A logger that writes one JSON document a line and keeps secrets out of it. Where nobody reads the
 * lines it drops them rather than wait, and tells how many once they are read again.
 */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? 'stdout';
  const logger = pino(
    {
      name: options.name,
      level: options.level ?? 'info',
      // No pid and host name: the platform adds where a line came from.
      base: { name: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        censor: '[redacted]',
      },
      hooks: { streamWrite: (line) => line.replace(URL_PASSWORD, '$1:[redacted]@') },
    },
    typeof destination === 'string'
      ? createLogOutput(process[destination], {
          onDropped: (lines) => logger.warn({ lines }, 'log lines dropped: they were not read'),
        })
      : destination,
  );
  return logger;
}
