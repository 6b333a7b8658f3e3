export { installDebianPackages, isRootOnDebian } from './debian.ts';
export { callManagement, freshBucket, freshDatabase, freshVhost } from './fresh.ts';
export {
  type ObjectStoreServer,
  type S3Location,
  startObjectStore,
  startObjectStoreProgram,
} from './object-store.ts';
export {
  type Postgres,
  type PostgresProgram,
  startPostgres,
  startPostgresProgram,
} from './postgres.ts';
export { freePort, tellKeeper } from './program.ts';
export { type Rabbitmq, startRabbitmq, startRabbitmqProgram } from './rabbitmq.ts';
export { type Redis, startRedis } from './redis.ts';
export type { ProgramServer } from './server.ts';
