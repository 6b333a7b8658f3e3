import type { Writable } from 'node:stream';
import type { DestinationStream } from 'pino';

/** Bytes of log lines that wait at most for whoever reads them: some 5,000 lines. */
const LIMIT = 1_048_576;

/** How long the end of a process waits for the log to be read, in milliseconds. */
const FLUSH_MS = 1_000;

export type LogOutput = DestinationStream & {
  /** Calls back once every line is written, and after a second at the latest. */
  flush(done: () => void): void;
};

let dropped = 0;

/** Log lines that this process has dropped. */
export const droppedLogLines = (): number => dropped;

const guarded = new WeakSet<Writable>();

/**
 * Writes log lines without ever waiting for their reader: lines beyond the limit are dropped and
 * counted. A stream of Node and not pino's own destination: that one either stops the process while
 * a pipe is full, or leaves a thread in the write, for which `process.exit` then waits.
 *
 * @param options.onDropped told how many lines were dropped, once all that waited is written
 */
export function createLogOutput(
  stream: Writable,
  options: { onDropped: (lines: number) => void; limit?: number },
): LogOutput {
  const { onDropped, limit = LIMIT } = options;
  let missing = 0;
  // The reader has gone for good. Without a handler that would end the process.
  if (!guarded.has(stream)) stream.on('error', () => {});
  guarded.add(stream);

  const tell = () => {
    const lines = missing;
    missing = 0;
    onDropped(lines);
  };
  return {
    write: (line) => {
      if (!stream.destroyed && stream.writableLength + line.length <= limit) {
        stream.write(line);
        return;
      }
      // Its turn comes after all that waits.
      if (missing === 0) stream.write('', tell);
      missing += 1;
      dropped += 1;
    },
    flush: (done) => {
      if (stream.destroyed || stream.writableLength === 0) return done();
      const timer = setTimeout(done, FLUSH_MS);
      stream.write('', () => {
        clearTimeout(timer);
        done();
      });
    },
  };
}
