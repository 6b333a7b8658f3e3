export { openPgliteStore } from './pglite/pglite-store.ts';
export { connectPostgresStore, migratePostgres } from './postgres/postgres-store.ts';
export * from './queue-view.ts';
export * from './store.ts';
