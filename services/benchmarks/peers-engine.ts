import { join } from 'node:path';
import { engineVersions, type PictureRequest } from '@darkroom/diffusion';
import { pinhole } from '@darkroom/pinhole';
import { progressBar } from '@darkroom/testing';
import { decode } from 'fast-png';
import { makeFullSizeModel, removeFullSizeModel } from './full-size/model-folder.ts';
import {
  type MadePicture,
  type MeasuredProcess,
  type PictureOrder,
  startNode,
  startProcess,
} from './pictures/measured-process.ts';
import { optimumPython } from './pictures/python-environment.ts';
import { type Figure, median, type Report } from './report.ts';

const prompt = 'a large red star on a blue background';
const small: PictureRequest = {
  ...{ prompt, negativePrompt: '', seed: 1, steps: 20, guidanceScale: 4 },
  ...{ width: 64, height: 64 },
};
const large: PictureRequest = {
  ...{ prompt, negativePrompt: '', seed: 1, steps: 2, guidanceScale: 7.5 },
  ...{ width: 512, height: 512 },
};

type PeerOrder = PictureOrder & { python: string };
const starters = {
  engine: (order: PeerOrder) => startNode<MadePicture>('pictures/engine.ts', order),
  optimum: (order: PeerOrder) =>
    startProcess<MadePicture>(
      [order.python, join(import.meta.dirname, 'pictures/optimum_pictures.py')],
      order,
    ),
};
type Side = keyof typeof starters;
type Sides<T> = Record<Side, T>;
const sides: readonly Side[] = ['engine', 'optimum'];

type Measured = {
  /** From the start of the process to the first picture's file. */
  firstMs: number[];
  /** Of pictures after the first where there are such, else of the first. */
  wallMs: number[];
  peakBytes: number[];
  first: MadePicture;
};

export type PeersEngineOptions = {
  /** Starts of both sides, in turn. */
  rounds: number;
  /** Pictures of the built-in model by each side in turn, each round. */
  pairs: number;
  /** Starts of both sides with the model of the size of Stable Diffusion 1.5; 0: without it. */
  largeRounds: number;
  threads: number;
  python?: string | undefined;
  keep: boolean;
};

/**
 * The engine and Optimum's pipeline on the same files, runtime and threads, each in a process of its own,
 * in turn: from the call to the PNG file, from the start of the process to the first such file, and the
 * most memory. The request names no scheduler, so both run the folder's own.
 */
export async function measurePeersEngine(options: PeersEngineOptions): Promise<Report> {
  const { threads } = options;
  const python = options.python ?? (await optimumPython());
  const setting = { threads, python };
  const pinholes = await measureModel(
    { folder: pinhole.folder, request: small, ...setting },
    { rounds: options.rounds, pairs: options.pairs },
  );
  const figures = [
    ...parityFigures('pinhole', pinholes.measured),
    ...timeFigures('pinhole, warm', pinholes.measured, 'wallMs', 0.96),
    ...timeFigures('pinhole, start to first picture', pinholes.measured, 'firstMs', 0.15),
  ];
  if (options.largeRounds > 0) {
    const folder = await makeFullSizeModel('sd-1.5');
    const order = { folder, request: large, ...setting };
    const { measured } = await measureModel(order, { rounds: options.largeRounds, pairs: 0 });
    if (!options.keep) await removeFullSizeModel('sd-1.5');
    figures.push(
      ...parityFigures('SD 1.5 shape', measured),
      ...timeFigures('SD 1.5 shape, 2 steps', measured, 'wallMs', 1),
      ...timeFigures('SD 1.5 shape, start to first picture', measured, 'firstMs'),
      ...peakFigures(measured),
    );
  }
  return {
    benchmark: 'peers-engine',
    setting: { ...pinholes.versions, threads, rounds: options.rounds, pairs: options.pairs },
    figures,
  };
}

async function measureModel(
  order: PeerOrder,
  { rounds, pairs }: { rounds: number; pairs: number },
): Promise<{ measured: Sides<Measured>; versions: Record<string, string> }> {
  const measured: Partial<Sides<Measured>> = {};
  let versions: Record<string, string> = {};
  const bar = progressBar('rounds', rounds);
  for (let round = 0; round < rounds; round++) {
    const started: Partial<Sides<MeasuredProcess<MadePicture>>> = {};
    for (const side of turn(round)) {
      const process = await starters[side](order);
      const first = await process.ask();
      measured[side] ??= { firstMs: [], wallMs: [], peakBytes: [], first };
      measured[side].firstMs.push(process.sinceStartMs());
      measured[side].peakBytes.push(first.peakBytes);
      versions = { ...versions, ...process.versions };
      if (side === 'optimum') checkRuntime(process.versions);
      if (pairs > 0) {
        started[side] = process;
        continue;
      }
      // One at a time: of a large model, two need twice the memory.
      measured[side].wallMs.push(first.ms);
      await process.end();
    }
    for (let pair = 0; pair < pairs; pair++) {
      for (const side of turn(pair)) {
        // The first of two brings back what the other side drove from caches and cores.
        await started[side]?.ask();
        const again = await started[side]?.ask();
        if (again) measured[side]?.wallMs.push(again.ms);
      }
    }
    for (const process of Object.values(started)) await process.end();
    bar.advance();
  }
  bar.stop();
  return { measured: measured as Sides<Measured>, versions };
}

/** Who is second finds the files in memory; so each is first every other time. */
const turn = (index: number): readonly Side[] => (index % 2 === 0 ? sides : sides.toReversed());

function checkRuntime({ onnxruntime }: Record<string, string>): void {
  if (onnxruntime === engineVersions.onnxruntime) return;
  throw new Error(
    `this Python has onnxruntime ${onnxruntime}, the engine ${engineVersions.onnxruntime}: their times ` +
      'cannot be compared. Install that version there, or leave out --python.',
  );
}

function timeFigures(
  what: string,
  measured: Sides<Measured>,
  key: 'firstMs' | 'wallMs',
  bar?: number,
): Figure[] {
  const ratios = measured.engine[key].map((ms, i) => ms / measured.optimum[key][i]!);
  return [
    { what: `${what}: engine, median`, value: median(measured.engine[key]), unit: 'ms' },
    { what: `${what}: Optimum, median`, value: median(measured.optimum[key]), unit: 'ms' },
    {
      what: `${what}: engine over Optimum, median`,
      value: median(ratios),
      unit: '×',
      ...(bar !== undefined && { bar: { at: 'most', value: bar } }),
    },
  ];
}

function peakFigures({ engine, optimum }: Sides<Measured>): Figure[] {
  const peak = ({ peakBytes }: Measured) => median(peakBytes);
  return [
    { what: 'SD 1.5 shape, peak memory: engine', value: peak(engine) / 2 ** 30, unit: 'GiB' },
    { what: 'SD 1.5 shape, peak memory: Optimum', value: peak(optimum) / 2 ** 30, unit: 'GiB' },
    {
      what: 'SD 1.5 shape, peak memory: engine over Optimum',
      value: peak(engine) / peak(optimum),
      unit: '×',
      bar: { at: 'most', value: 0.8 },
    },
  ];
}

/** That both did the same work: the share of 8-bit values that are within 2 of the other's. */
function parityFigures(what: string, { engine, optimum }: Sides<Measured>): Figure[] {
  const pixels = ({ first }: Measured) => decode(Buffer.from(first.png, 'base64')).data;
  const [ours, theirs] = [pixels(engine), pixels(optimum)];
  let alike = 0;
  for (const [i, value] of ours.entries()) if (Math.abs(value - theirs[i]!) <= 2) alike += 1;
  const value = (100 * alike) / Math.max(ours.length, theirs.length);
  return [
    {
      what: `${what}: picture like Optimum's`,
      value,
      unit: '%',
      bar: { at: 'least', value: 99.9 },
    },
  ];
}
