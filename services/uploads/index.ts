export { decodeMask, decodePicture } from './decode.ts';
export { inspectUpload } from './inspect.ts';
export { MAX_PIXELS } from './read-picture.ts';
