export { decodeMask, decodePicture } from './decode.ts';
export { encodeJpeg } from './encode-jpeg.ts';
export { inspectUpload } from './inspect.ts';
export { MAX_PIXELS } from './read-picture.ts';
