import { join } from 'node:path';
import { CommandFailure } from '../commands/failure.ts';
import { readRelease } from '../release/read-release.ts';
import { verifySignature } from '../release/signature.ts';
import { carryOut } from './carry-out.ts';
import { type Environment, openEnvironment } from './environment.ts';
import { takeLock, whoami } from './lease.ts';
import type { PromoteOptions } from './options.ts';
import { prepare } from './prepare.ts';
import { createProgress } from './progress.ts';
import { currentOf, ensureNamespace } from './record.ts';
import type { Report } from './report.ts';

/**
 * Carries a release to an environment: unchanged, seen working, and taken back by itself where it does not
 * work there. Whatever ends it, running it again goes on.
 *
 * @throws CommandFailure where it is refused, before anything was changed
 */
export async function promote(options: PromoteOptions): Promise<Report> {
  const { environments, to, from, note } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const progress = createProgress(note);
  const target = await openEnvironment(environments, to, { signal });
  const source =
    from === undefined ? undefined : await openEnvironment(environments, from, { signal });
  const release = await readRelease(await folderOf(options, source));
  if (target.target.signedBy !== undefined) {
    await verifySignature(release.folder, target.target.signedBy);
  }
  const giveBack = options.dryRun
    ? async () => {}
    : await ensureNamespace(target.api).then(() =>
        takeLock(target.api, { onLost: (error) => stop.abort(error), note }),
      );
  try {
    const prepared = await progress.other('checking', (tell) =>
      prepare({ options, release, source, target, tell, signal }),
    );
    const { plan } = prepared;
    const report: Report = {
      outcome: 'planned',
      plan,
      by: whoami(),
      providers: {},
      steps: progress.times,
    };
    if (prepared.isDone) return { ...report, outcome: 'nothing to do' };
    if (options.dryRun) return report;
    if (!(await options.approve(plan))) return { ...report, outcome: 'not approved' };
    return await carryOut(prepared, report, { options, progress, signal });
  } finally {
    await giveBack();
  }
}

/** The release that was named, or that the source runs. */
async function folderOf(
  { release, releases }: PromoteOptions,
  source: Environment | undefined,
): Promise<string> {
  if (source === undefined) return release ?? '';
  const running = currentOf(await source.record.history());
  if (running !== undefined) return release ?? join(releases, running.release);
  throw new CommandFailure(
    `${source.target.name} runs no release: promote one to it first (darkroom promote --release FOLDER --to ${source.target.name})`,
  );
}
