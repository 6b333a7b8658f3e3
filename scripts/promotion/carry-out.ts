import { CommandFailure } from '../commands/failure.ts';
import { applyWave, prune, untilCurrent } from './apply.ts';
import { bake } from './bake.ts';
import { runCanaries } from './canary.ts';
import { openEnvironment } from './environment.ts';
import { comparePictures, makeGoldenPictures } from './golden.ts';
import { copyImages } from './images.ts';
import { readLive } from './live.ts';
import { copyModels } from './models.ts';
import type { PromoteOptions } from './options.ts';
import type { Prepared } from './prepare.ts';
import type { Progress } from './progress.ts';
import { openPrometheus } from './prometheus.ts';
import { allObjects, currentOf, type Entry, isSame, recorded, rejectedFor } from './record.ts';
import type { Report } from './report.ts';
import { restore } from './restore.ts';
import type { Wave } from './waves.ts';

/** Once something is changed, an API server that is away for a moment costs no release. */
const PATIENCE_MS = 30_000;
/** One that is away while a release is taken back is waited for. */
const RESTORE_PATIENCE_MS = 600_000;

/** Does what was planned, step by step; takes it back where one fails. */
export async function carryOut(
  prepared: Prepared,
  report: Report,
  run: { options: PromoteOptions; progress: Progress; signal: AbortSignal },
): Promise<Report> {
  const { release, bound, source, history, objects, golden, modelStores, plan } = prepared;
  const { options, progress, signal } = run;
  const { crane, note } = options;
  const name = prepared.target.target.name;
  const patience = { patienceMs: PATIENCE_MS, signal };
  const target = await openEnvironment(options.environments, name, patience);
  await progress.step('copy images', (tell) =>
    copyImages(plan.images, { crane, tag: plan.release, tell, signal }),
  );
  await progress.step('copy models', (tell) =>
    copyModels(plan.models, {
      source: source && modelStores.source && { api: source.api, store: modelStores.source },
      target: { api: target.api, store: modelStores.target },
      ...{ tell, signal },
    }),
  );
  const entry: Entry = {
    release: plan.release,
    ...bound,
    state: 'applying',
    from: plan.from,
    by: report.by,
    beganAt: new Date().toISOString(),
  };
  // What runs is what is gone back to, also where it is this very release, which is put right again.
  const running = currentOf(history);
  const entries = running && isSame(running, bound) ? history : recorded(history, entry);
  const stored = { lock: release.lock, golden, objects };
  await progress.step('record', async () => {
    if (entries === history) return;
    await target.record.store(stored);
    await target.record.write(entries);
  });
  try {
    const providers = await apply({ ...prepared, target }, run);
    await progress.step('verify', async () => {
      const live = await readLive(target.api, allObjects(objects));
      const applied = [...live.objects.values()];
      await target.record.store({ ...stored, applied });
      const endedAt = new Date().toISOString();
      await target.record.write(recorded(entries, { ...entry, state: 'verified', endedAt }));
    });
    return { ...report, outcome: 'promoted', providers };
  } catch (error) {
    // Whoever interrupts it, or has its lock now, decides how it goes on.
    signal.throwIfAborted();
    const reason = (error as Error).message;
    note(`promote: ${plan.release} does not work in ${name}: ${reason}`);
    const back = await openEnvironment(options.environments, name, {
      patienceMs: RESTORE_PATIENCE_MS,
      signal,
    });
    const rejected = rejectedFor(entry, reason);
    if (running !== undefined) {
      const goBack = progress.other(`going back to ${running.release}`, (tell) =>
        restore(back, { to: running, tell, signal }),
      );
      await goBack.catch((error: Error) => {
        signal.throwIfAborted();
        throw new CommandFailure(
          `${plan.release} does not work in ${name} (${reason}), and going back to ${running.release} failed, ` +
            `too: ${error.message}; mend that, then run \`darkroom promote rollback ${name} --to-current\``,
        );
      });
    }
    // Where it was put right again, what was verified before still is.
    const isRunning = running !== undefined && isSame(running, bound);
    await back.record.write(isRunning ? entries : recorded(entries, rejected));
    return { ...report, outcome: running === undefined ? 'failed' : 'taken back', reason };
  }
}

async function apply(
  prepared: Prepared,
  {
    options,
    progress,
    signal,
  }: { options: PromoteOptions; progress: Progress; signal: AbortSignal },
): Promise<Record<string, string>> {
  const { release, source, target, objects, waves, obsolete, golden, clients } = prepared;
  const { api } = target;
  const { rolloutSeconds, pictureSeconds } = target.target;
  const limitMs = rolloutSeconds * 1_000;
  const wave = async ({ name, objects: ofWave }: Wave) => {
    await progress.step(`apply ${name}`, async (tell) => {
      await applyWave(api, { name, objects: ofWave }, { force: options.forceConflicts });
      await untilCurrent(api, ofWave, { limitMs, tell, signal });
    });
  };
  const [foundations, infrastructure, settings, workloads] = waves;
  for (const each of [foundations, infrastructure, settings]) if (each) await wave(each);

  const canaries = await progress.step('canary', async (tell) => {
    const stop = new AbortController();
    const expected =
      source &&
      clients.source &&
      makeGoldenPictures(clients.source, golden, {
        target: source.target,
        tell,
        signal: AbortSignal.any([signal, stop.signal]),
      });
    return runCanaries(api, allObjects(objects), {
      requests: golden,
      models: release.lock.models,
      ...(expected && { expected }),
      tolerance: target.target.pictureTolerance,
      // A worker has to start, and to make its pictures.
      wait: { limitMs: limitMs + golden.length * pictureSeconds * 1_000, tell, signal },
      // Where the canary has failed nobody waits for the source's pictures any more.
    }).finally(() => stop.abort());
  });
  if (workloads) await wave(workloads);
  await progress.step('remove obsolete objects', async () => {
    await prune(api, obsolete);
  });

  const client = clients.target;
  await progress.step('smoke test', async (tell) => {
    const who = target.target.name;
    const made = await makeGoldenPictures(client, golden, { target: target.target, tell, signal });
    const { pictureTolerance: tolerance } = target.target;
    comparePictures(canaries.pictures, made, { who, tolerance });
  });
  await progress.step('bake', async (tell) => {
    const prometheus = await openPrometheus(api, signal);
    try {
      const { bakeSeconds: seconds } = target.target;
      await bake({ client, prometheus, seconds, tell, signal });
    } finally {
      prometheus.close();
    }
  });
  return canaries.providers;
}
