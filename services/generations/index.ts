export * from './frontend-store.ts';
export { openPgliteStore } from './pglite/pglite-store.ts';
export { connectPostgresStore, migratePostgres } from './postgres/postgres-store.ts';
export * from './queue-view.ts';
export * from './record.ts';
export * from './store.ts';
export * from './upload-store.ts';
export * from './webhook-store.ts';
export * from './worker-store.ts';
