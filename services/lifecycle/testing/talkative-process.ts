// Logs all the time, tells its parent on request how many lines it dropped, ends on SIGTERM.
import process from 'node:process';
import { createLogger } from '../logger.ts';
import { createMetrics } from '../metrics.ts';
import { createShutdown, onSignals } from '../shutdown.ts';

const logger = createLogger({ name: 'talkative' });
const metrics = createMetrics({ processMetrics: true });
const shutdown = createShutdown({ logger });
const talk = setInterval(() => {
  for (let line = 0; line < 100; line++) logger.info({ line }, 'x'.repeat(500));
}, 5);
shutdown.defer('talk', () => clearInterval(talk));
onSignals({
  graceful: (signal) => void shutdown.run(signal).then(() => process.exit(0)),
  forceful: () => process.exit(1),
});
process.on('message', async () => {
  const dropped = /^darkroom_log_lines_dropped_total\S* (\d+)/m.exec(await metrics.metrics())?.[1];
  process.send?.(dropped);
});
process.on('disconnect', () => process.exit(0));
