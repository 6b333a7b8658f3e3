import type { Generation } from '@darkroom/client/source';
import { MultiBar, type SingleBar } from 'cli-progress';

/** Shows on stderr how generations come along. */
export type ProgressView = {
  /** One more generation to show; call the result whenever something has changed. */
  add(label: string): (generation: Generation) => void;
  close(): void;
};

/** Bars on a terminal, else a line whenever a generation changes its state. */
export function createProgressView(stream: NodeJS.WriteStream): ProgressView {
  return stream.isTTY ? barsOn(stream) : linesOn(stream);
}

function barsOn(stream: NodeJS.WriteStream): ProgressView {
  const bars = new MultiBar({
    stream,
    format: '{bar} {percentage}% | {state} | {label}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: false,
  });
  return {
    add: (label) => {
      const bar: SingleBar = bars.create(1, 0, { state: 'queued'.padEnd(9), label });
      return ({ progress, state }) => {
        bar.setTotal(progress.steps);
        bar.update(progress.step, { state: state.padEnd(9), label });
      };
    },
    close: () => bars.stop(),
  };
}

function linesOn(stream: NodeJS.WriteStream): ProgressView {
  return {
    add: (label) => {
      let shown: string | undefined;
      return ({ state }) => {
        if (state === shown) return;
        shown = state;
        stream.write(`${state.padEnd(9)} ${label}\n`);
      };
    },
    close: () => {},
  };
}
