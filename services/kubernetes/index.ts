export * from './core-api.ts';
export * from './with-signal.ts';
