export { cacheFolder } from './cache-folder.ts';
export { clipVocabulary } from './clip-vocabulary.ts';
export { type CollectedSpan, startCollector } from './collector.ts';
export { eventually } from './eventually.ts';
export { progressBar } from './progress-bar.ts';
export { createRandom, type Random } from './random.ts';
export { installDebianPackages, isRootOnDebian } from './servers/debian.ts';
export { callManagement, freshBucket, freshDatabase, freshVhost } from './servers/fresh.ts';
export {
  type ObjectStoreServer,
  type S3Location,
  startObjectStore,
  startObjectStoreProgram,
} from './servers/object-store.ts';
export {
  type Postgres,
  type PostgresProgram,
  startPostgres,
  startPostgresProgram,
} from './servers/postgres.ts';
export { freePort, removeFolder, tellKeeper, temporaryFolder } from './servers/program.ts';
export { type Rabbitmq, startRabbitmq, startRabbitmqProgram } from './servers/rabbitmq.ts';
export { type Redis, startRedis } from './servers/redis.ts';
export type { ProgramServer } from './servers/server.ts';
export { swiftShader } from './swiftshader.ts';
export { table } from './table.ts';
export { startTcpProxy, type TcpProxy, type Trouble } from './tcp-proxy.ts';
