import { DarkroomError } from '@darkroom/contract';
import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { operationsPaths } from './operations.ts';

/**
 * Refuses calls while the event loop is late, so that what was taken before is finished. Judged by
 * the mean over a quarter of a second: one long pause is no overload. The probes are answered, and
 * watches that are open go on.
 */
export function guardEventLoop(app: FastifyInstance, maxDelayMs = 200): void {
  app.register(underPressure, {
    maxEventLoopDelay: maxDelayMs,
    sampleInterval: 250,
    pressureHandler: async ({ routeOptions }, _reply, _type, delayMs) => {
      // Not one tick in all of the time: a single pause, the machine's perhaps.
      if (delayMs === Number.POSITIVE_INFINITY) return;
      if (operationsPaths.has(routeOptions.url ?? '')) return;
      throw new DarkroomError(
        'unavailable',
        `this replica is overloaded: its event loop is ${Math.round(Number(delayMs))} ms late; try again shortly`,
        { retryAfterS: 1 + 2 * Math.random(), expose: true },
      );
    },
  });
}
