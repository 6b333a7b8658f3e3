import { freshVhost } from '@darkroom/testing';
import { describe, inject } from 'vitest';
import { describeBroker } from '../testing/broker-contract.ts';
import { connectRabbitmq } from './connect-rabbitmq.ts';

describe('RabbitMQ', () => {
  describeBroker(async () => {
    const url = await freshVhost(inject('amqpUrl'), inject('amqpManagementUrl'));
    const [near, far] = await Promise.all([
      connectRabbitmq({ url, models: ['pinhole'] }),
      connectRabbitmq({ url }),
    ]);
    return { near, far };
  });
});
