import { otherRuns } from '../onnx/runs.ts';
import type { DenoisingJob } from './denoising-job.ts';
import type { RunState } from './run-state.ts';
import type { Unet, UnetCalls, UnetShape } from './unet.ts';

/**
 * Advances the jobs of one model, those that fit together in one run of the network. Jobs join and
 * leave between any two runs; each keeps its own prompt, scheduler, step count and guidance.
 */
export type StepBatcher = {
  /**
   * Resolves once no call of the job is left.
   *
   * @param options.onStep told after each call
   * @param options.signal looked at between runs
   * @throws `signal.reason` when aborted; what the run threw that the job was part of, or the job's
   *   own `accept`, which concerns no other
   */
  denoise(
    job: DenoisingJob,
    options: { onStep?: ((state: RunState) => void) | undefined; signal?: AbortSignal | undefined },
  ): Promise<void>;
};

type Member = Parameters<StepBatcher['denoise']>[1] & {
  job: DenoisingJob;
  /** Members of the same key can be in one run. */
  key: string;
  resolve(): void;
  reject(reason: unknown): void;
};

export function createStepBatcher(unet: Unet): StepBatcher {
  /** The one that waits longest is the first. */
  const members: Member[] = [];
  let isRunning = false;
  /** Memory and constant inputs of the last run; most runs have the members of the one before. */
  let opened: { group: readonly Member[]; calls: UnetCalls } | undefined;

  const leave = (member: Member): Member => {
    members.splice(members.indexOf(member), 1);
    return member;
  };

  async function runAll(): Promise<void> {
    isRunning = true;
    while (members.length > 0) {
      // Of prompts to encode and pictures to decode. The sum of all work stays the same, and a picture that is
      // about to join, or to leave its place to another, would miss the run.
      await otherRuns();
      for (const member of members.filter(({ signal }) => signal?.aborted)) {
        leave(member).reject(member.signal?.reason);
      }
      const group = nextGroup();
      if (group.length > 0) await advance(group);
    }
    isRunning = false;
    opened = undefined;
  }

  /** Who waits longest, and all that can be in one run with it. */
  function nextGroup(): Member[] {
    const [first] = members;
    if (first === undefined) return [];
    if (unet.samples !== undefined) return [first];
    return members.filter(
      ({ key, job }) =>
        key === first.key && (unet.hasTimestepPerSample || job.timestep === first.job.timestep),
    );
  }

  async function advance(group: readonly Member[]): Promise<void> {
    let output: Float32Array;
    try {
      const calls = callsOf(group);
      const timesteps: number[] = [];
      for (const { job, part } of parts(group, calls.sample)) {
        job.writeSample(part);
        for (let i = 0; i < job.shape.samples; i++) timesteps.push(job.timestep ?? 0);
      }
      await calls.run(timesteps);
      output = calls.output;
    } catch (error) {
      for (const member of group) leave(member).reject(error);
      return;
    }
    for (const { member, job, part } of parts(group, output)) {
      leave(member);
      try {
        job.accept(part);
        member.onStep?.(job.state());
        if (job.timestep === undefined) member.resolve();
        else members.push(member);
      } catch (error) {
        member.reject(error);
      }
    }
  }

  function callsOf(group: readonly Member[]): UnetCalls {
    const isOpen =
      opened !== undefined &&
      opened.group.length === group.length &&
      opened.group.every((member, i) => member === group[i]);
    if (!isOpen) opened = { group, calls: unet.open(joined(group.map(({ job }) => job.shape))) };
    return opened!.calls;
  }

  return {
    denoise: (job, options) =>
      new Promise((resolve, reject) => {
        if (job.timestep === undefined) return resolve();
        members.push({ ...options, job, key: keyOf(job.shape), resolve, reject });
        if (!isRunning) void runAll();
      }),
  };
}

/** Each member's part of an array that holds a row for each sample of the group. */
function* parts(group: readonly Member[], rows: Float32Array) {
  const samples = group.reduce((sum, { job }) => sum + job.shape.samples, 0);
  const row = rows.length / samples;
  let at = 0;
  for (const member of group) {
    const end = at + row * member.job.shape.samples;
    yield { member, job: member.job, part: rows.subarray(at, end) };
    at = end;
  }
}

/** Equal where one run of the network can take both: all but the number of samples. */
function keyOf({ input, output, conditioning }: UnetShape): string {
  const inputs = Object.entries(conditioning).map(([name, { dims }]) => [name, dims.slice(1)]);
  return JSON.stringify([input, output, inputs]);
}

/** The samples of all shapes behind each other; all have the same key. */
function joined(shapes: readonly UnetShape[]): UnetShape {
  const [first] = shapes;
  if (first === undefined || shapes.length === 1) return first!;
  const samples = shapes.reduce((sum, shape) => sum + shape.samples, 0);
  const conditioning = Object.fromEntries(
    Object.entries(first.conditioning).map(([name, { dims }]) => {
      const rows = shapes.map((shape) => shape.conditioning[name]!.values);
      return [name, { values: concatenate(rows), dims: [samples, ...dims.slice(1)] }];
    }),
  );
  return { ...first, samples, conditioning };
}

function concatenate(arrays: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    whole.set(array, at);
    at += array.length;
  }
  return whole;
}
