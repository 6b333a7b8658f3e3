export * from './backoff.ts';
export * from './retry.ts';
export * from './sleep.ts';
export * from './time-limit.ts';
