import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunState } from '@darkroom/diffusion';
import { pinhole } from '@darkroom/pinhole';
import { eventually } from '@darkroom/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  pinholeModels,
  pinholeRequest,
  readableLogger,
  startPinhole,
} from '../testing/pinhole-inference.ts';
import { isRunning } from '../testing/processes.ts';
import { EngineError } from './child-process.ts';
import { startInference } from './inference-process.ts';
import { InferenceDied } from './make-picture.ts';
import { PROTOCOL_VERSION } from './protocol.ts';

const testing = (file: string) => fileURLToPath(new URL(`../testing/${file}`, import.meta.url));
const pidOf = (inference: { pid(): number | undefined }): number => {
  const pid = inference.pid();
  if (pid === undefined) throw new Error('no inference process is up');
  return pid;
};

let inference: Awaited<ReturnType<typeof startPinhole>>;
beforeAll(async () => {
  inference = await startPinhole();
});
afterAll(() => inference.close());

test('the child says what it is and what it holds', async () => {
  expect(inference.identity()).toMatchObject({
    protocol: PROTOCOL_VERSION,
    engine: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    node: process.versions.node,
    onnxruntime: expect.stringMatching(/^1\./),
    executionProviders: ['cpu'],
    models: [{ name: 'pinhole', digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) }],
  });
});

test('each step tells its run state, and a run from such a state gives the same bytes', async () => {
  const states: RunState[] = [];
  const busy: number[] = [];
  const onStep = (state: RunState) => {
    states.push(state);
    busy.push(inference.busySeconds());
  };
  const whole = await inference.generate(pinholeRequest, { onStep });
  expect(new Set(busy).size).toBe(12);
  expect(states.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  expect(states[4]?.latents).toBeInstanceOf(Float32Array);

  const steps: number[] = [];
  const resumed = await inference.generate(pinholeRequest, {
    ...(states[4] && { resume: states[4] }),
    onStep: ({ step }) => steps.push(step),
  });
  expect(steps).toEqual([6, 7, 8, 9, 10, 11, 12]);
  expect(resumed.png).toEqual(whole.png);
  expect([...whole.png.subarray(1, 4)]).toEqual([...Buffer.from('PNG')]);
});

test('steps that follow each other faster than the interval are not all told', async () => {
  await using own = await startPinhole({ stepIntervalMs: 60_000 });
  const steps: number[] = [];
  await own.generate(pinholeRequest, { onStep: ({ step }) => steps.push(step) });
  expect(steps).toEqual([]);
});

test('an abort reports the very last step, and what was run until then', async () => {
  await using own = await startPinhole({ stepIntervalMs: 100 });
  const abort = new AbortController();
  const states: RunState[] = [];
  const rans: { steps: number; engineMs: number }[] = [];
  const long = { ...pinholeRequest, steps: 200 };
  const began = performance.now();
  const stopped = own.generate(long, {
    signal: abort.signal,
    onRan: (ran) => rans.push(ran),
    onStep: (state) => {
      states.push(state);
      setTimeout(() => abort.abort(new Error('enough')), 50);
    },
  });
  await expect(stopped).rejects.toThrow('enough');
  const lasted = performance.now() - began;
  const [first, last] = [states[0], states.at(-1)];
  expect(last?.step).toBeGreaterThan(first?.step ?? 0);
  expect(rans.at(-1)).toEqual({ steps: last?.step, engineMs: expect.any(Number) });
  expect(rans.at(-1)?.engineMs).toBeGreaterThan(100);
  expect(rans.at(-1)?.engineMs).toBeLessThan(lasted);

  const whole = await own.generate(long);
  const later: typeof rans = [];
  const rest = await own.generate(long, {
    ...(last !== undefined && { resume: last }),
    onRan: (ran) => later.push(ran),
  });
  expect(rest.png).toEqual(whole.png);
  expect(later.at(-1)?.steps).toBe(long.steps - (last?.step ?? 0));
});

test('calls wait for their turn', async () => {
  const order: string[] = [];
  const make = (name: string, seed: number) =>
    inference
      .generate({ ...pinholeRequest, seed }, { onStep: ({ step }) => order.push(`${name}${step}`) })
      .then(({ png }) => png);
  const [first, second] = await Promise.all([make('a', 1), make('b', 2)]);
  expect(order.map((each) => each[0]).join('')).toBe('a'.repeat(12) + 'b'.repeat(12));
  expect(first).not.toEqual(second);
});

test('an abort ends the run between two steps, and the next run is whole', async () => {
  const abort = new AbortController();
  let lastStep = 0;
  const canceled = inference.generate(
    { ...pinholeRequest, steps: 1_000 },
    {
      signal: abort.signal,
      onStep: ({ step }) => {
        lastStep = step;
        if (step === 3) abort.abort(new Error('enough'));
      },
    },
  );
  await expect(canceled).rejects.toThrow('enough');
  expect(lastStep).toBeLessThan(20);
  await expect(inference.generate(pinholeRequest)).resolves.toMatchObject({ restarts: 0 });
});

test('a request that the engine refuses rejects, and the child lives on', async () => {
  const pid = inference.pid();
  const refused = inference.generate({ ...pinholeRequest, width: 63 });
  await expect(refused).rejects.toThrow(EngineError);
  await expect(refused).rejects.toMatchObject({ code: 'MODEL', message: /multiple of 8/ });
  await expect(inference.generate({ ...pinholeRequest, model: 'other' })).rejects.toThrow(
    'model other is not loaded',
  );
  expect(inference.pid()).toBe(pid);
});

test('kill -9 on the child: the picture goes on from its last step, to the same bytes', async () => {
  const whole = await inference.generate(pinholeRequest);
  const steps: number[] = [];
  const survived = await inference.generate(pinholeRequest, {
    onStep: ({ step }) => {
      steps.push(step);
      if (step === 5 || step === 9) process.kill(pidOf(inference), 'SIGKILL');
    },
  });
  expect(survived.restarts).toBe(2);
  expect(inference.crashes()).toBe(2);
  expect(survived.png).toEqual(whole.png);
  expect(survived.modelLoadMs).toBeGreaterThan(0);
  // The child may have been a step ahead of its death; none is made from the start again.
  expect(steps.filter((step) => step === 1)).toHaveLength(1);
});

test('kill -9 on an idle child: the next picture is made by another', async () => {
  const pid = pidOf(inference);
  process.kill(pid, 'SIGKILL');
  await eventually(() => inference.pid()).not.toBe(pid);
  await expect(inference.generate(pinholeRequest)).resolves.toMatchObject({ width: 64 });
});

test('a stopped child is killed for its silence, and the error says so', async () => {
  await using own = await startPinhole({ stepTimeoutMs: 500, maxRestarts: 0 });
  const pid = pidOf(own);
  const hung = own.generate(pinholeRequest, {
    onStep: ({ step }) => void (step === 4 && process.kill(pid, 'SIGSTOP')),
  });
  const error = await hung.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InferenceDied);
  expect(String(error)).toMatch(/after step \d+: .*said nothing for 500 ms and was killed/);
  expect(isRunning(pid)).toBe(false);
});

test('a stopped child costs time, not the picture', async () => {
  await using own = await startPinhole({ stepTimeoutMs: 500 });
  const whole = await own.generate(pinholeRequest);
  const pid = pidOf(own);
  const survived = await own.generate(pinholeRequest, {
    onStep: ({ step }) => void (step === 4 && process.kill(pid, 'SIGSTOP')),
  });
  expect(survived.restarts).toBe(1);
  expect(survived.png).toEqual(whole.png);
});

test('a picture that kills every child is given up with the evidence', async () => {
  await using own = await startPinhole({ maxRestarts: 1 });
  const poison = own.generate(pinholeRequest, {
    onStep: () => {
      const pid = own.pid();
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    },
  });
  await expect(poison).rejects.toThrow(/^2 inference processes died of one picture, .*SIGKILL/);
  await expect(own.generate(pinholeRequest)).resolves.toMatchObject({ restarts: 0 });
});

test.each([
  ['once', 'is made by the next child, from its last step', 1],
  ['twice', 'is given up, and the next picture finds a fresh child', 2],
])('a picture whose engine fails %s %s', async (_, __, failures) => {
  const folder = await mkdtemp(join(tmpdir(), 'failing-'));
  const failing = { program: testing('failing-child.ts'), models: [{ name: 'pinhole', folder }] };
  await using own = await startPinhole({ ...failing, maxRestarts: 3 });
  try {
    await writeFile(join(folder, 'failures'), String(failures));
    const states: number[] = [];
    const made = own.generate(pinholeRequest, { onStep: ({ step }) => states.push(step) });
    if (failures === 1) {
      await expect(made).resolves.toMatchObject({ restarts: 1 });
      expect(states).toEqual([1, 2]);
    } else {
      await expect(made).rejects.toMatchObject({ code: 'ENGINE', message: 'the GPU is lost' });
    }
    await expect(own.generate(pinholeRequest)).resolves.toMatchObject({ restarts: 0 });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the child sees what the runtime needs of its parent and no credential', async () => {
  const environment = {
    PATH: process.env['PATH'],
    OMP_NUM_THREADS: '1',
    NODE_OPTIONS: '--no-warnings',
    AMQP_URL: 'amqp://user:hunter2@broker',
    DATABASE_URL: 'postgres://user:hunter2@database/darkroom',
    AWS_SECRET_ACCESS_KEY: 'hunter2',
  };
  await using own = await startPinhole({ environment });
  const seen = await readFile(`/proc/${pidOf(own)}/environ`, 'utf8');
  const names = seen.split('\0').map((entry) => entry.replace(/=.*/s, ''));
  // Of Node's own: the channel to its parent.
  expect(names.filter((name) => name !== '' && !name.startsWith('NODE_CHANNEL_')).sort()).toEqual([
    'LD_LIBRARY_PATH',
    'MALLOC_MMAP_THRESHOLD_',
    'OMP_NUM_THREADS',
    'PATH',
  ]);
  expect(seen).not.toContain('hunter2');
});

test('the trace context appears in the lines that the child logs', async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  await inference.generate(pinholeRequest, { traceparent });
  expect(inference.lines).toContainEqual(
    expect.objectContaining({ msg: 'picture done', traceparent, inferencePid: inference.pid() }),
  );
});

test('a child of another release is refused', async () => {
  const { logger } = readableLogger();
  const options = { models: pinholeModels, logger, program: testing('foreign-child.ts') };
  await expect(startInference(options)).rejects.toThrow(
    new RegExp(`speaks protocol 99, this worker ${PROTOCOL_VERSION}: .* restart the worker`),
  );
});

test('a half-written model folder is named, with what is wrong in it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'half-written-'));
  try {
    await cp(pinhole.folder, folder, { recursive: true });
    await truncate(join(folder, 'unet/model.onnx'), 100_000);
    const start = startInference({ ...readableLogger(), models: [{ name: 'half', folder }] });
    await expect(start).rejects.toMatchObject({
      kind: 'configuration',
      message: expect.stringMatching(/^model half in .*half-written-.*unet\/model\.onnx/),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('closing ends the child', async () => {
  const inference = await startPinhole();
  const pid = pidOf(inference);
  await inference.close();
  expect(isRunning(pid)).toBe(false);
});

test('the child ends with its parent, even one ended by SIGKILL amid a run', async () => {
  const parent = spawn(process.execPath, [testing('orphaning-parent.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(parent.stdout, 'data');
  const childPid = Number(String(line));
  expect(isRunning(childPid)).toBe(true);
  parent.kill('SIGKILL');
  await eventually(() => isRunning(childPid)).toBe(false);
});
