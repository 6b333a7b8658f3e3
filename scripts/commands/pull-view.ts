import type { PullProgress } from '@darkroom/worker';
import { SingleBar } from 'cli-progress';

/** Shows on stderr how a model comes along. */
export type PullView = {
  show(progress: PullProgress): void;
  close(): void;
};

const LINE_EVERY_MS = 10_000;

/** A bar on a terminal, else a line for each file, and every ten seconds. */
export function createPullView(stream: NodeJS.WriteStream): PullView {
  return stream.isTTY ? barOn(stream) : linesOn(stream);
}

function barOn(stream: NodeJS.WriteStream): PullView {
  const bar = new SingleBar({
    stream,
    format: '{bar} {percentage}% | {mib} MiB | {eta_formatted} left | {path}',
    barsize: 24,
    hideCursor: true,
    etaBuffer: 100,
  });
  let isStarted = false;
  return {
    show: ({ path, done, total }) => {
      const shown = { path, mib: share(done, total) };
      if (isStarted) bar.update(done, shown);
      else bar.start(total, done, shown);
      isStarted = true;
    },
    close: () => bar.stop(),
  };
}

function linesOn(stream: NodeJS.WriteStream): PullView {
  let shown = '';
  let shownAt = 0;
  return {
    show: ({ path, done, total }) => {
      const now = performance.now();
      if (path === shown && now - shownAt < LINE_EVERY_MS) return;
      [shown, shownAt] = [path, now];
      stream.write(`${share(done, total)} MiB  ${path}\n`);
    },
    close: () => {},
  };
}

const share = (done: number, total: number) => `${inMiB(done)} of ${inMiB(total)}`;
const inMiB = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
