import { describe } from 'vitest';
import { describeBroker } from '../testing/broker-contract.ts';
import { createInProcessBroker } from './create-in-process-broker.ts';

describe('the in-process broker', () => {
  describeBroker(async () => {
    const broker = createInProcessBroker();
    return { near: broker, far: broker };
  });
});
