export * from './core-api.ts';
export * from './share-connections.ts';
export * from './with-signal.ts';
