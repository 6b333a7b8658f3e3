import type { Broker } from '../broker.ts';

/** Two ends of one broker, as a frontend and a worker hold them; one object where they share it. */
export type Ends = { near: Broker; far: Broker };
