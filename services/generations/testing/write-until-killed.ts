import { argv, stdout } from 'node:process';
import { openPgliteStore } from '../pglite/pglite-store.ts';
import { actors } from './actors.ts';

/** Records and claims without end; prints each id once both are committed. */
const store = await openPgliteStore({ folder: argv[2] ?? '' });
const { created, claimed } = actors(store);
for (;;) {
  const { id } = await created({ tenant: 'tenant' });
  await claimed(id);
  stdout.write(`${id}\n`);
}
