import { expect, test } from 'vitest';
import { darkroom } from './testing/darkroom.ts';

test('definitions prints what RabbitMQ loads: a bounded queue for each model of the catalogue', async () => {
  const { code, stdout, stderr } = await darkroom(['definitions', '--vhost', 'darkroom']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const { vhosts, queues, policies } = JSON.parse(stdout);
  expect(vhosts).toEqual([{ name: 'darkroom' }]);
  expect(queues).toContainEqual(
    expect.objectContaining({
      name: 'darkroom.jobs.pinhole',
      vhost: 'darkroom',
      durable: true,
      arguments: expect.objectContaining({
        'x-queue-type': 'quorum',
        'x-overflow': 'reject-publish',
        'x-dead-letter-strategy': 'at-least-once',
      }),
    }),
  );
  expect(policies).toContainEqual(
    expect.objectContaining({
      pattern: '^darkroom\\.jobs\\.pinhole$',
      definition: { 'max-length': expect.any(Number) },
    }),
  );
});
