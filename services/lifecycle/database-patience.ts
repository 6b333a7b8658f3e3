import type { Logger } from './logger.ts';

/** Long enough for a pod's network policies to come into force and for the first frontend to make the tables. */
const WAIT_MS = 10_000;

/** For the start of a service: how long it waits for a database that does not answer yet, and that it says so. */
export const databasePatience = (
  logger: Logger,
): { forMs: number; onWait: (error: Error) => void } => ({
  forMs: WAIT_MS,
  onWait: (err) => {
    logger.warn(
      { err },
      `the database is not ready (DATABASE_URL); trying again for ${WAIT_MS / 1_000} s`,
    );
  },
});
