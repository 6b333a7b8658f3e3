import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { createShutdown, onSignals } from './shutdown.ts';

it('releases the last acquired first and waits for each', async () => {
  const shutdown = createShutdown();
  const order: string[] = [];
  shutdown.defer('database', () => order.push('database'));
  shutdown.defer('server', async () => {
    await new Promise((resolve) => setImmediate(resolve));
    order.push('server');
  });
  expect(shutdown.signal.aborted).toBe(false);
  const run = shutdown.run('test');
  expect(shutdown.signal.aborted).toBe(true);
  expect(await run).toBe(true);
  expect(order).toEqual(['server', 'database']);
});

it('goes on past a release that fails, and says that it was not clean', async () => {
  const shutdown = createShutdown();
  const order: string[] = [];
  shutdown.defer('first', () => order.push('first'));
  shutdown.defer('broken', () => Promise.reject(new Error('no')));
  expect(await shutdown.run('test')).toBe(false);
  expect(order).toEqual(['first']);
});

it('runs once, however often it is asked', async () => {
  const shutdown = createShutdown();
  let released = 0;
  shutdown.defer('once', () => {
    released += 1;
  });
  await Promise.all([shutdown.run('one'), shutdown.run('two')]);
  await shutdown.run('three');
  expect(released).toBe(1);
});

it('is graceful at the first signal and forceful at the second', () => {
  const source = new EventEmitter();
  const heard: string[] = [];
  const stop = onSignals(
    { graceful: (s) => heard.push(`graceful ${s}`), forceful: (s) => heard.push(`forceful ${s}`) },
    source as unknown as NodeJS.Process,
  );
  source.emit('SIGTERM', 'SIGTERM');
  source.emit('SIGINT', 'SIGINT');
  expect(heard).toEqual(['graceful SIGTERM', 'forceful SIGINT']);
  stop();
  expect(source.listenerCount('SIGTERM') + source.listenerCount('SIGINT')).toBe(0);
});
