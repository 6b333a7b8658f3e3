import { join } from 'node:path';
import { checkEnvironment } from '../../platform/checks/check-environment.ts';
import { differencesOf } from '../../platform/checks/equal-environments.ts';
import type { Finding } from '../../platform/checks/finding.ts';
import { checkSchemas } from '../../platform/checks/schemas.ts';
import { CommandFailure } from '../commands/failure.ts';
import type { ReleaseLock } from '../release/lock.ts';
import { type Release, readRelease } from '../release/read-release.ts';
import { applyWave, obsoleteIn, prune, untilCurrent } from './apply.ts';
import { bake } from './bake.ts';
import { runCanaries } from './canary.ts';
import { readChanges } from './changes.ts';
import { driftOf, tellDifference } from './differences.ts';
import { allObjects, type Environment, openEnvironment, renderFor } from './environment.ts';
import { checkGates } from './gates.ts';
import {
  clientOf,
  comparePictures,
  type GoldenPicture,
  type GoldenRequest,
  goldenRequests,
  makeGoldenPictures,
} from './golden.ts';
import { copyImages, imageCopies } from './images.ts';
import { takeLock, whoami } from './lease.ts';
import { readLive } from './live.ts';
import { type Plan, planOf } from './plan.ts';
import { preflight } from './preflight.ts';
import { createProgress, type Progress, type StepTime } from './progress.ts';
import { openPrometheus, pagingAlerts } from './prometheus.ts';
import {
  type Bound,
  currentOf,
  type Entry,
  ensureNamespace,
  type History,
  interruptedOf,
  isSame,
  lockDigest,
  objectsDigest,
  recorded,
  rejectedFor,
  type StoredRelease,
} from './record.ts';
import { type Refusal, refuse } from './refusal.ts';
import { restore } from './restore.ts';
import { type Wave, wavesOf } from './waves.ts';

export type PromoteOptions = {
  /** The folder of all environments. */
  environments: string;
  to: string;
  /** The environment whose release goes on; or `release`, the folder of one that enters. */
  from?: string | undefined;
  release?: string | undefined;
  /** Where the folders of releases are, by name. */
  releases: string;
  /** go-containerregistry's program. */
  crane: string;
  dryRun: boolean;
  /** Takes fields over that others own. */
  forceConflicts: boolean;
  /** Also a release that was rejected here before. */
  retry: boolean;
  note: (line: string) => void;
  /** Shows the plan, and whether it is approved. */
  approve: (plan: Plan) => Promise<boolean>;
  signal: AbortSignal;
};

/** What has become of a promotion; goes with a change request. */
export type Report = {
  outcome: 'promoted' | 'nothing to do' | 'planned' | 'not approved' | 'taken back' | 'failed';
  plan: Plan;
  by: string;
  /** The provider that each model's canary ran on. */
  providers: Record<string, string>;
  steps: StepTime[];
  /** Why it was taken back. */
  reason?: string;
};

/** An API server that is away while a release is taken back is waited for. */
const RESTORE_PATIENCE_MS = 600_000;

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
  const giveBack = options.dryRun
    ? async () => {}
    : await ensureNamespace(target.api).then(() =>
        takeLock(target.api, (error) => stop.abort(error)),
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
    await giveBack().catch((error: Error) =>
      note(`promote: the lock stays until it ends: ${error.message}`),
    );
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

type Prepared = {
  release: Release;
  bound: Bound;
  source: Environment | undefined;
  target: Environment;
  history: History;
  objects: StoredRelease['objects'];
  waves: Wave[];
  golden: GoldenRequest[];
  plan: Plan;
  isDone: boolean;
};

/** Everything that can be found out before anything is changed. */
async function prepare(facts: {
  options: PromoteOptions;
  release: Release;
  source: Environment | undefined;
  target: Environment;
  tell: (what: string) => void;
  signal: AbortSignal;
}): Promise<Prepared> {
  const { options, release, source, target, tell } = facts;
  const lock = lockDigest(release.lock);
  const what = `${release.lock.release} is not promoted to ${target.target.name}`;

  tell('the records');
  const history = await target.record.history();
  const sourceHistory = source && (await source.record.history());
  refuse(
    what,
    checkGates({
      lock,
      release: release.lock.release,
      source: source &&
        sourceHistory && {
          target: source.target,
          history: sourceHistory,
          now: await source.api.time(),
        },
      target: {
        target: target.target,
        history: options.retry ? history.filter(({ state }) => state !== 'rejected') : history,
        now: await target.api.time(),
      },
      now: Date.now(),
    }),
  );

  tell('the manifests');
  const { text, ...objects } = await renderFor(release, target);
  const inSource = source && (await renderFor(release, source));
  refuse(what, await checkManifests({ release, target, source, objects, text, inSource }));
  if (source !== undefined) {
    tell(source.target.name);
    refuse(what, await checkSource(source, target.target.soakSeconds));
  }

  tell(target.target.name);
  const all = allObjects(objects);
  const { kubernetes } = release.lock.versions;
  refuse(what, await preflight(target.api, all, { kubernetes }));
  const { changes, refusals } = await readChanges(target.api, all);
  refuse(
    what,
    options.forceConflicts ? refusals.filter(({ field }) => field === undefined) : refusals,
  );
  const obsolete = await obsoleteIn(target.api, all);
  const running = currentOf(history);
  const interrupted = interruptedOf(history);
  const bound = { lock, objects: objectsDigest(objects) };
  const waves = wavesOf(objects);
  const plan = planOf({
    release: release.lock.release,
    lock,
    from: source?.target.name ?? null,
    to: target.target.name,
    previous: running?.release ?? null,
    continues: interrupted !== undefined && isSame(interrupted, bound),
    images: imageCopies(
      source && inSource && { target: source.target, objects: allObjects(inSource) },
      { target: target.target, objects: all },
    ),
    waves,
    changes,
    obsolete,
  });
  const isDone =
    running !== undefined &&
    isSame(running, bound) &&
    interrupted === undefined &&
    plan.changes.length === 0;
  const golden = await goldenRequests(release);
  return { release, bound, source, target, history, objects, waves, golden, plan, isDone };
}

/** The release in the target differs from that in the source where an environment may, and is right by itself. */
async function checkManifests(facts: {
  release: Release;
  source: Environment | undefined;
  target: Environment;
  objects: StoredRelease['objects'];
  text: string;
  inSource: StoredRelease['objects'] | undefined;
}): Promise<Refusal[]> {
  const { release, source, target, objects, text, inSource } = facts;
  const all = allObjects(objects);
  const differences =
    source === undefined || inSource === undefined
      ? []
      : differencesOf(
          { name: source.target.name, objects: allObjects(inSource) },
          { name: target.target.name, objects: all },
        );
  const findings = checkEnvironment(target.target.name, all, lockedImages(release.lock));
  const asRefusal = (check: string) => (finding: Finding) => ({ check, ...finding });
  return [
    ...differences.map(asRefusal('unchanged')),
    ...findings.map(asRefusal('policy')),
    ...(await checkSchemas(text)).map((problem) => ({
      check: 'schema',
      problem,
      remedy: 'correct it in the environment, or build another release',
    })),
  ];
}

const lockedImages = ({ images }: ReleaseLock) =>
  Object.entries(images).map(([name, { tag = '', digest }]) => ({ name, newTag: tag, digest }));

/** The source still is what was verified there, and nobody is woken because of it. */
async function checkSource(
  { target, api, record }: Environment,
  soakSeconds: number,
): Promise<Refusal[]> {
  const running = currentOf(await record.history());
  const stored = running && (await record.release(running));
  if (stored?.applied === undefined) {
    return [
      {
        check: 'verified',
        problem: `${target.name} has no record of what it verified`,
        remedy: `promote the release to ${target.name} again`,
      },
    ];
  }
  const live = await readLive(api, allObjects(stored.objects));
  const drift = driftOf(stored.applied, live).map((difference) => ({
    check: 'drift',
    problem: `${target.name}: ${tellDifference(difference)}`,
    remedy: `put it right (darkroom promote rollback ${target.name} --to-current), or release it`,
  }));
  const prometheus = await openPrometheus(api);
  try {
    const fired = await pagingAlerts(prometheus, { withinSeconds: soakSeconds });
    const alerts = fired.filter((alert) => !target.toleratedAlerts.includes(alert));
    return [
      ...drift,
      ...alerts.map((alert) => ({
        check: 'objectives',
        problem: `the alert ${alert} fires or has fired in ${target.name} within the soak time`,
        remedy: `see docs/runbooks/${alert}.md`,
      })),
    ];
  } finally {
    prometheus.close();
  }
}

/** Does what was planned, step by step; takes it back where one fails. */
async function carryOut(
  prepared: Prepared,
  report: Report,
  run: { options: PromoteOptions; progress: Progress; signal: AbortSignal },
): Promise<Report> {
  const { release, bound, target, history, objects, golden, plan } = prepared;
  const { options, progress, signal } = run;
  const { crane, note } = options;
  const name = target.target.name;
  await progress.step('copy images', (tell) =>
    copyImages(plan.images, { crane, tag: plan.release, tell, signal }),
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
    const providers = await apply(prepared, run);
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
      await progress.other(`going back to ${running.release}`, (tell) =>
        restore(back, { to: running, tell, signal }),
      );
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
  const { release, source, target, objects, waves, golden } = prepared;
  const { api } = target;
  const limitMs = target.target.rolloutSeconds * 1_000;
  const wave = async ({ name, objects: ofWave }: Wave) => {
    await progress.step(`apply ${name}`, async (tell) => {
      await applyWave(api, { name, objects: ofWave }, { force: options.forceConflicts });
      await untilCurrent(api, ofWave, { limitMs, tell, signal });
    });
  };
  const [foundations, infrastructure, settings, workloads] = waves;
  for (const each of [foundations, infrastructure, settings]) if (each) await wave(each);

  let expected: GoldenPicture[] = golden.map((request) => ({ request, png: new Uint8Array() }));
  const canaries = await progress.step('canary', async (tell) => {
    if (source !== undefined) {
      const client = await clientOf(source.api, source.target);
      expected = await makeGoldenPictures(client, golden, {
        name: source.target.name,
        tell,
        signal,
      });
    }
    return runCanaries(api, allObjects(objects), {
      golden: expected,
      models: release.lock.models,
      tolerance: target.target.pictureTolerance,
      compare: source !== undefined,
      wait: { limitMs, tell, signal },
    });
  });
  if (workloads) await wave(workloads);
  await progress.step('remove obsolete objects', async () => {
    await prune(api, await obsoleteIn(api, allObjects(objects)));
  });

  const client = await clientOf(api, target.target);
  await progress.step('smoke test', async (tell) => {
    const who = target.target.name;
    const made = await makeGoldenPictures(client, golden, { name: who, tell, signal });
    const { pictureTolerance: tolerance } = target.target;
    comparePictures(canaries.pictures, made, { who, tolerance });
  });
  await progress.step('bake', async (tell) => {
    const prometheus = await openPrometheus(api);
    try {
      const { bakeSeconds: seconds } = target.target;
      await bake({ client, prometheus, seconds, tell, signal });
    } finally {
      prometheus.close();
    }
  });
  return canaries.providers;
}
