import { collectDefaultMetrics, Registry } from 'prom-client';

export { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/**
 * A registry of its own, so that two services in one process do not mix their figures.
 *
 * @param options.processMetrics memory, CPU, garbage collection; once a process
 */
export function createMetrics(options: { processMetrics?: boolean } = {}): Registry {
  const registry = new Registry();
  if (options.processMetrics ?? false) collectDefaultMetrics({ register: registry });
  return registry;
}
