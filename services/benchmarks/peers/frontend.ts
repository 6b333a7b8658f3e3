/**
 * The frontend of this project, its records and messages replaced by a peer's queue: the same
 * Fastify, tRPC, validation and answer. `PEER` is a `PeerOrder` as JSON.
 */
import process from 'node:process';
import {
  createFrontend,
  createFrontendProbes,
  serveOperations,
  startCallers,
} from '@darkroom/frontend';
import { createLogger, createMetrics, loadCatalogue } from '@darkroom/lifecycle';
import { peerServices } from './peer-store.ts';
import { openPeerQueue, type PeerOrder } from './queue.ts';

const order: PeerOrder = JSON.parse(process.env['PEER'] ?? '');
const logger = createLogger({ name: order.peer, level: 'warn' });
const queue = await openPeerQueue(order);
const services = { ...peerServices(queue.enqueue), logger, metrics: createMetrics() };
const probes = createFrontendProbes(services);
const app = createFrontend({
  ...services,
  probes,
  catalogue: await loadCatalogue(process.env['MODELS'] ?? ''),
  callers: await startCallers({ file: undefined, anonymous: true, logger }),
  maxEventLoopDelayMs: Number(process.env['MAX_EVENT_LOOP_DELAY_MS']),
});
serveOperations(app, probes, services.metrics);
await app.listen({ host: process.env['HOST'] ?? '127.0.0.1', port: Number(process.env['PORT']) });
process.once('SIGTERM', () => {
  void app
    .close()
    .then(queue.close)
    .then(() => process.exit(0));
});
