import { fileURLToPath } from 'node:url';

/** The root of this checkout. */
export const repository = fileURLToPath(new URL('..', import.meta.url));
