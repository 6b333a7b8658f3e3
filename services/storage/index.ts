export { createFsStore } from './fs/create-fs-store.ts';
export type { ObjectStore, StoredObject } from './object-store.ts';
export { createS3Store, type S3StoreOptions } from './s3/create-s3-store.ts';
