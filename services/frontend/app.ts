import { noSpans } from '@darkroom/lifecycle';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { createAccept } from './accept/accept.ts';
import { createWatchHub } from './accept/watch-hub.ts';
import { createAdmission } from './admission/admission.ts';
import { createQueueViews } from './admission/queue-views.ts';
import { answerError, answerUnknownRoutes } from './http/answer-errors.ts';
import { BODY_LIMIT, PATH_PART_LIMIT } from './http/api-error.ts';
import { createCallGuard } from './http/guard-calls.ts';
import { guardEventLoop } from './http/guard-event-loop.ts';
import { guardHosts } from './http/guard-hosts.ts';
import { serveImages } from './http/images.ts';
import { observeRequests } from './http/observe-requests.ts';
import { startRequestSpan } from './http/trace-requests.ts';
import { trackUnusedConnections } from './http/unused-connections.ts';
import { serveUploads } from './http/uploads.ts';
import { createFrontendMetrics } from './metrics.ts';
import type { FrontendServices } from './services.ts';
import { createRouter } from './trpc/router/index.ts';
import { serveTrpc } from './trpc/serve-trpc.ts';

/**
 * The frontend over whatever drivers it is given; listens to nothing until told, and `close()`
 * waits for the answers in hand.
 */
export function createFrontend(services: FrontendServices): FastifyInstance {
  const { store, broker, probes, logger, metrics, spans = noSpans } = services;
  const closing = new AbortController();
  services.signal?.addEventListener('abort', () => probes.drain(), { once: true });
  const isDraining = () => closing.signal.aborted || services.signal?.aborted === true;

  const app = Fastify({
    loggerInstance: logger as FastifyBaseLogger,
    // `observeRequests` logs each request once.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT,
    // What comes while it closes is answered: a bare 503 would name no time to come again.
    return503OnClosing: false,
    // For the whole of a request to arrive, in milliseconds; answers may take as long as they like.
    requestTimeout: 30_000,
    // Of that, for the headers; and how often connections are held against both.
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 1_000 },
    routerOptions: { maxParamLength: PATH_PART_LIMIT },
    frameworkErrors: answerError,
    genReqId: (request) => startRequestSpan(request, spans),
    childLoggerFactory: (parent, { reqId }, options) => parent.child({ traceId: reqId }, options),
  });
  guardHosts(app, services.allowedHosts);
  guardEventLoop(app, services.maxEventLoopDelayMs);
  app.setErrorHandler(answerError);
  answerUnknownRoutes(app);

  const { queues = createQueueViews(store) } = services;
  const frontendMetrics = createFrontendMetrics(metrics, queues);
  const watches = createWatchHub({ store, broker, queues, logger });
  const accept = createAccept({
    ...services,
    spans,
    watches,
    metrics: frontendMetrics,
    queues,
    admission: createAdmission({ ...services, queues }),
    closing: closing.signal,
  });
  const router = createRouter(accept);
  // Flat at run time, whatever its type says.
  observeRequests(app, frontendMetrics, router._def.procedures as never);
  const guard = createCallGuard(app, services.callers);
  serveImages(app, accept, frontendMetrics, guard);
  serveUploads(app, accept, guard);
  serveTrpc(app, router, guard);

  app.addHook('onReady', async () => watches.start());
  app.addHook('onSend', async (_request, reply) => {
    // The caller's next request goes to another replica, and no idle connection is left to wait for.
    if (isDraining()) reply.header('connection', 'close');
  });
  const endUnusedConnections = trackUnusedConnections(app.server);
  app.addHook('preClose', async () => {
    closing.abort();
    endUnusedConnections();
  });
  app.addHook('onClose', () => watches.stop());
  return app;
}
