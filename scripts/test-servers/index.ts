export { callManagement, freshBucket, freshDatabase, freshVhost } from './fresh.ts';
export { type ObjectStoreServer, type S3Location, startObjectStore } from './object-store.ts';
export { type Postgres, startPostgres } from './postgres.ts';
export { type Rabbitmq, startRabbitmq } from './rabbitmq.ts';
