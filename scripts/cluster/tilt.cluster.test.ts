import { spawn } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { repository } from '../repository.ts';
import { buildTilt } from './offline/tilt.ts';
import { createSteps } from './steps.ts';
import { copyCheckout } from './testing/checkout-copy.ts';
import {
  apiKey,
  cluster,
  inTime,
  isReady,
  kubectl,
  pauseScaler,
  pods,
  programs,
  resumeScaler,
  url,
  workers,
} from './testing/cluster-under-test.ts';
import { createTilt, type Tilt } from './testing/tilt.ts';

/** So long after it is saved, code is live: the median of all edits, and what mends a crash. */
const LIVE_WITHIN_MS = 3_000;
const MENDED_WITHIN_MS = 10_000;
const EDITS = 10;

const port = '10391';
const choices = ['--', '--cluster', cluster.name];
const flags = ['--context', `kind-${cluster.name}`, '--host', '127.0.0.1', '--port', port];
let checkout: Awaited<ReturnType<typeof copyCheckout>>;
let tilt: Tilt;

beforeAll(async () => {
  const steps = createSteps((line) => console.error(line));
  checkout = await copyCheckout();
  tilt = await createTilt(await buildTilt({ steps }), {
    folder: checkout.folder,
    kubectl: programs.kubectl,
  });
}, 1_800_000);

afterAll(async () => {
  await checkout?.remove();
});

test('tilt ci brings all of it up from this checkout and makes a picture', async () => {
  const picture = join(checkout.folder, 'out/tilt.png');
  const log = await tilt.run(['ci', ...flags, ...choices], { timeoutMs: 840_000 });
  expect(log).toContain('SUCCESS. All workloads are healthy.');
  const png = await readFile(picture);
  expect(png.subarray(1, 4).toString()).toBe('PNG');
});

/** A part of the code that is edited, and how its words are read from what runs. */
type Place = {
  what: string;
  file: string;
  words: string;
  isLive: (words: string) => Promise<boolean>;
};

/** Of every replica: as many answers in a row as make it unlikely that one was never asked. */
const ANSWERS = 6;
const answers = async (path: string, init: RequestInit, words: string): Promise<boolean> => {
  for (let asked = 0; asked < ANSWERS; asked++) {
    const response = await fetch(`${url}${path}`, {
      ...init,
      // A connection of its own, so that any replica may answer.
      headers: { ...init.headers, connection: 'close' },
      signal: AbortSignal.timeout(1_000),
    }).catch(() => undefined);
    if (!(await response?.text())?.includes(words)) return false;
  }
  return true;
};

/** What the worker writes, followed: asking for it again and again takes the processor from its start. */
type Followed = { text(): string; isOver(): boolean; stop(): void };
let workerLog: Followed | undefined;

async function followWorker(): Promise<Followed> {
  // By its name: a pod that its node has refused bears the same labels, and has no log.
  const [worker] = await workers();
  const pod = worker?.metadata?.name ?? '';
  const where = ['--context', `kind-${cluster.name}`, '--namespace', 'darkroom'];
  const log = ['logs', '--follow', '--tail=0', '--container=worker', pod];
  const child = spawn(programs.kubectl, [...where, ...log]);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  let isOver = false;
  child.once('close', () => {
    isOver = true;
  });
  return { text: () => text, isOver: () => isOver, stop: () => void child.kill() };
}

const frontend: Place = {
  what: 'the frontend',
  file: 'services/frontend/http/answer-errors.ts',
  words: 'there is nothing at',
  isLive: (words) => answers('/nowhere', {}, words),
};
const places: Place[] = [
  frontend,
  {
    what: 'a room that services share',
    file: 'services/contract/limits.ts',
    words: 'it must be',
    isLive: (words) =>
      answers(
        '/trpc/generations.create',
        {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
          body: JSON.stringify({ prompt: 'a star', width: 1 }),
        },
        words,
      ),
  },
  {
    what: 'the worker',
    file: 'services/worker/main.ts',
    words: 'worker started',
    isLive: async (words) => {
      if (workerLog?.isOver() !== false) throw new Error("the worker's log is not followed");
      return workerLog.text().includes(words);
    },
  },
];

const edit = async (file: string, from: string, to: string) => {
  const path = join(checkout.folder, file);
  const text = await readFile(path, 'utf8');
  // Once, so that it is what is read.
  expect(text.split(from)).toHaveLength(2);
  await writeFile(path, text.replace(from, to));
  return performance.now();
};

const liveAfter = async (saved: number, isLive: () => Promise<boolean>): Promise<number> => {
  while (!(await isLive())) {
    if (performance.now() - saved > 120_000) throw new Error('not live within 120 s');
    await pause(50);
  }
  return performance.now() - saved;
};

const median = (values: number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Whether a line of Tilt's log is about what Tilt does, and not what a pod wrote. */
const isOfBuild = (line: string) => !/│ (\{|\d{4}-\d\d-\d\d|live update:)/.test(line);

const FRONTENDS = 2;
const frontends = () => pods('darkroom', 'app.kubernetes.io/name=frontend');

/** What a new image would replace, and a crash would count. */
const containers = async () => {
  const all = [...(await frontends()), ...(await workers())];
  return all
    .flatMap(({ status }) => status?.containerStatuses ?? [])
    .map(({ containerID, imageID, restartCount }) => ({ containerID, imageID, restartCount }));
};

test('saved files are live within seconds, in the containers that run', async () => {
  const log = join(checkout.folder, 'out/tilt-up.log');
  // No pod comes or goes meanwhile but by Tilt.
  await pauseScaler('worker-pinhole', 1);
  await pauseScaler('frontend', FRONTENDS);
  const up = tilt.up([...flags, ...choices], log);
  try {
    for (const resource of ['frontend', 'worker-pinhole']) {
      await inTime(() =>
        tilt
          .run([
            'get',
            'uiresource',
            resource,
            '--port',
            port,
            '--output',
            'jsonpath={.status.updateStatus}',
          ])
          .catch(() => ''),
      ).toBe('ok');
    }
    // Pods of `cluster up` may be on their way out.
    for (const workload of ['deployment/frontend', 'deployment/worker-pinhole']) {
      await kubectl.run([
        ...['--namespace', 'darkroom', 'rollout', 'status', workload, '--timeout=240s'],
      ]);
    }
    await inTime(async () => (await workers()).map(isReady)).toEqual([true]);
    await inTime(async () => (await frontends()).map(isReady)).toEqual([true, true]);
    await inTime(() => frontend.isLive(frontend.words)).toBe(true);
    workerLog = await followWorker();
    const before = await containers();

    for (const { what, file, words, isLive } of places) {
      const took: number[] = [];
      let present = words;
      for (let round = 1; round <= EDITS; round++) {
        const next = `${words} (${round})`;
        const saved = await edit(file, present, next);
        took.push(await liveAfter(saved, () => isLive(next)));
        present = next;
      }
      console.error(
        `tilt: ${what} is live after ${took.map((ms) => Math.round(ms)).join(', ')} ms`,
      );
      expect(median(took), what).toBeLessThan(LIVE_WITHIN_MS);
    }

    const last = `${frontend.words} (${EDITS})`;
    await edit(frontend.file, last, '` + ) {');
    await inTime(() => frontend.isLive(last)).toBe(false);
    const saved = await edit(frontend.file, '` + ) {', `${frontend.words} again`);
    const mended = await liveAfter(saved, () => frontend.isLive(`${frontend.words} again`));
    console.error(`tilt: a syntax error mended is live after ${Math.round(mended)} ms`);
    expect(mended).toBeLessThan(MENDED_WITHIN_MS);

    expect(await containers()).toEqual(before);
  } catch (error) {
    await copyFile(log, join(repository, 'out/tilt-up.log'));
    console.error(
      (await readFile(log, 'utf8')).split('\n').filter(isOfBuild).slice(-200).join('\n'),
    );
    throw error;
  } finally {
    workerLog?.stop();
    await up.stop();
    await resumeScaler('frontend');
    await resumeScaler('worker-pinhole');
  }
});
