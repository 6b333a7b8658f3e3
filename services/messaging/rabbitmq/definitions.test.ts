import { expect, test } from 'vitest';
import { brokerDefinitions } from './definitions.ts';

const models = [
  { name: 'pinhole', maxQueued: 100 },
  { name: 'camera-obscura', maxQueued: 2_500 },
];

test('every model has a quorum queue that gives up no message and refuses when full', () => {
  const { queues } = brokerDefinitions(models);
  expect(queues.map(({ name }) => name)).toEqual([
    'darkroom.dead-letters',
    'darkroom.jobs.pinhole',
    'darkroom.jobs.camera-obscura',
  ]);
  for (const { name, durable, arguments: args } of queues) {
    expect(durable).toBe(true);
    expect(args).toMatchObject({ 'x-queue-type': 'quorum' });
    if (name === 'darkroom.dead-letters') continue;
    expect(args).toEqual({
      'x-queue-type': 'quorum',
      // Above what RabbitMQ 4 sets by itself (20), which would drop or move an innocent message.
      'x-delivery-limit': 1_000_000,
      'x-dead-letter-exchange': 'darkroom.dead-letter',
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
    });
  }
});

test('bounds are policies, each of one queue, with room for messages sent again', () => {
  const { policies } = brokerDefinitions(models, { vhost: 'darkroom' });
  const boundOf = (queue: string) =>
    policies
      .filter(({ pattern }) => new RegExp(pattern).test(queue))
      .map(({ definition }) => definition);
  expect(boundOf('darkroom.jobs.pinhole')).toEqual([{ 'max-length': 400 }]);
  expect(boundOf('darkroom.jobs.camera-obscura')).toEqual([{ 'max-length': 10_000 }]);
  expect(boundOf('darkroom.jobs.pinhole-2')).toEqual([]);
  expect(boundOf('darkroom.dead-letters')).toHaveLength(1);
  // What a policy cannot change on a queue that exists, or RabbitMQ 3.10 does not know, is in none.
  for (const { definition } of policies) expect(Object.keys(definition)).toEqual(['max-length']);
});

test('all of it is for one virtual host', () => {
  const { vhosts, ...rest } = brokerDefinitions(models, { vhost: 'darkroom' });
  expect(vhosts).toEqual([{ name: 'darkroom' }]);
  for (const list of Object.values(rest)) {
    for (const { vhost } of list) expect(vhost).toBe('darkroom');
  }
});
