import process from 'node:process';
import { SingleBar } from 'cli-progress';

/** A progress bar on stderr where that is a terminal; silent elsewhere. */
export function progressBar(what: string, total: number): { advance(): void; stop(): void } {
  if (!process.stderr.isTTY) return { advance() {}, stop() {} };
  const bar = new SingleBar({
    format: `${what} {bar} {value}/{total} {eta_formatted}`,
    stream: process.stderr,
  });
  bar.start(total, 0);
  return { advance: () => bar.increment(), stop: () => bar.stop() };
}
