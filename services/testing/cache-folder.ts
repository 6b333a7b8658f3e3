import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** Where what was built once is kept between runs, for all checkouts. */
export const cacheFolder = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
  'darkroom',
);
