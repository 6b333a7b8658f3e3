import { sql } from 'kysely';
import type { GenerationStore } from '../store.ts';
import { type BatchOptions, batched } from './batch.ts';
import { requestCancel } from './cancel.ts';
import { claim } from './claim.ts';
import { complete } from './complete.ts';
import { create, findRepeat } from './create.ts';
import { explained as explainedErrors, READ_ONLY } from './errors.ts';
import { expireAllLeases, fail, heartbeat, release, settleCancel } from './lease.ts';
import { markPublished } from './mark-published.ts';
import { countActive, queues, workerLoads } from './queues.ts';
import { evidence, get, list, positions } from './read.ts';
import { forget, hide, hideOld, takeHidden } from './retention.ts';
import type { Database } from './schema.ts';
import { sweep } from './sweep.ts';
import { forgetUploads, noteUpload, takeUnusedUploads, useUploads } from './uploads.ts';
import { getWebhook, settleWebhook, takeWebhooks } from './webhooks.ts';
import { announceWorker, withdrawWorker, workers } from './workers.ts';

/** In which an idle worker has claimed the generation, and there is nothing left to mark. */
const MARK_LINGER_MS = 50;

/**
 * The store over any database that speaks Postgres; the drivers differ only in `db`.
 *
 * @param options.heartbeats where heartbeats go, `db` unless set
 * @param options.onReadOnly called when the server turns out to be read-only
 */
export const sqlStore = (
  db: Database,
  { onReadOnly, heartbeats = db }: { onReadOnly?: () => void; heartbeats?: Database } = {},
): GenerationStore => {
  const explained = <Arguments extends unknown[], Result>(
    operation: (...args: Arguments) => Promise<Result>,
  ) => explainedErrors(operation, onReadOnly);
  const over = <Arguments extends unknown[], Result>(
    operation: (db: Database, ...args: Arguments) => Promise<Result>,
  ) => explained((...args: Arguments) => operation(db, ...args));
  const grouped = <Input, Result>(
    operation: (db: Database, inputs: Input[]) => Promise<(Result | Promise<Result>)[]>,
    options?: BatchOptions<Input>,
  ) => batched((inputs: Input[]) => operation(db, inputs), options);
  const keyOf = ({ id }: { id: string }) => id;
  const creates = grouped(create);
  const marks = grouped(markPublished, { atMost: 512, lingerMs: MARK_LINGER_MS });
  const claims = grouped(claim, { keyOf });
  const completions = grouped(complete, { keyOf });

  return {
    create: explained(creates),
    findRepeat: over(findRepeat),
    markPublished: explained((id, revision) => marks({ id, revision })),
    get: over(get),
    evidence: over(evidence),
    list: over(list),
    positions: over(positions),
    requestCancel: over(requestCancel),
    countActive: over(countActive),
    queues: over(queues),
    workerLoads: over(workerLoads),
    hide: over(hide),
    hideOld: over(hideOld),
    takeHidden: over(takeHidden),
    forget: over(forget),
    sweep: over(sweep),
    claim: explained(claims),
    heartbeat: explained((options) => heartbeat(heartbeats, options)),
    complete: explained(completions),
    fail: over(fail),
    settleCancel: over(settleCancel),
    release: over(release),
    announceWorker: over(announceWorker),
    withdrawWorker: over(withdrawWorker),
    workers: over(workers),
    expireAllLeases: over(expireAllLeases),
    getWebhook: over(getWebhook),
    takeWebhooks: over(takeWebhooks),
    settleWebhook: over(settleWebhook),
    noteUpload: over(noteUpload),
    useUploads: over(useUploads),
    takeUnusedUploads: over(takeUnusedUploads),
    forgetUploads: over(forgetUploads),
    check: over(check),
    close: async () => {
      await Promise.all([creates, marks, claims, completions].map(({ idle }) => idle()));
      await Promise.all([...new Set([db, heartbeats])].map((one) => one.destroy()));
    },
  };
};

/**
 * Reads from the table, so that a database without migrations or rights is found out too, and asks
 * whether it could write. A primary that was demoted still answers reads.
 */
async function check(db: Database): Promise<void> {
  const { rows } = await sql<{ readonly: boolean }>`
    select current_setting('transaction_read_only')::boolean as readonly,
      (select id from generations limit 1)`.execute(db);
  if (rows[0]?.readonly !== true) return;
  throw Object.assign(new Error('transaction_read_only is on'), { code: READ_ONLY });
}
