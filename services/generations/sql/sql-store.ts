import type { GenerationStore } from '../store.ts';
import { requestCancel } from './cancel.ts';
import { claim } from './claim.ts';
import { create } from './create.ts';
import { explained } from './errors.ts';
import {
  complete,
  expireAllLeases,
  fail,
  heartbeat,
  markPublished,
  release,
  settleCancel,
} from './lease.ts';
import { countActive, get, list } from './read.ts';
import type { Database } from './schema.ts';
import { sweep } from './sweep.ts';

/** The store over any database that speaks Postgres; the drivers differ only in `db`. */
export const sqlStore = (db: Database): GenerationStore => {
  const over = <Arguments extends unknown[], Result>(
    operation: (db: Database, ...args: Arguments) => Promise<Result>,
  ) => explained((...args: Arguments) => operation(db, ...args));

  return {
    create: over(create),
    markPublished: over(markPublished),
    get: over(get),
    list: over(list),
    requestCancel: over(requestCancel),
    countActive: over(countActive),
    sweep: over(sweep),
    claim: over(claim),
    heartbeat: over(heartbeat),
    complete: over(complete),
    fail: over(fail),
    settleCancel: over(settleCancel),
    release: over(release),
    expireAllLeases: over(expireAllLeases),
    check: over(check),
    close: () => db.destroy(),
  };
};

/** Reads from the table, so that a database without migrations or rights is found out too. */
async function check(db: Database): Promise<void> {
  await db.selectFrom('generations').select('id').limit(1).execute();
}
