import type { Plant } from './plant.ts';

/** What a crash leaves undone stays undone. */
export const sweepOff: Plant = {
  name: 'sweep-off',
  bug: 'no frontend sweeps',
  changes: [
    {
      module: 'services/frontend/background/sweep.ts',
      from: 'while (!stopping.signal.aborted) {',
      to: 'while (false) {',
    },
  ],
  kinds: ['server killed', 'connections cut'],
  targets: ['rabbitmq'],
};
