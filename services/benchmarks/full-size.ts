import type { PictureRequest } from '@darkroom/diffusion';
import { progressBar } from '@darkroom/testing';
import type { BareOrder } from './full-size/bare-sessions.ts';
import {
  type FullSizeModel,
  makeFullSizeModel,
  removeFullSizeModel,
} from './full-size/model-folder.ts';
import { compareGraphs } from './full-size/optimised-graphs.ts';
import type { EngineOrder, EnginePicture } from './pictures/engine.ts';
import { type Measurement, type PictureOrder, startNode } from './pictures/measured-process.ts';
import type { Figure, Report } from './report.ts';

const prompt = 'a large red star on a blue background';
const base = { prompt, negativePrompt: '', seed: 1, guidanceScale: 7.5 };
const small: PictureRequest = { ...base, steps: 2, width: 512, height: 512 };
const large: PictureRequest = { ...base, steps: 1, width: 1024, height: 1024 };

/** Room for the UNet and its run, and not for all four networks, which take 14 GiB by estimate. */
const XL_BUDGET_BYTES = 13 * 2 ** 30;

export type FullSizeOptions = {
  models: readonly FullSizeModel[];
  /** Starts of the UNet with each graph, in turn. */
  rounds: number;
  threads: number;
  keep: boolean;
};

/**
 * Models at the size that people have, with random weights: what they take of time and memory, each
 * measured in a process of its own. The disk holds one of them at a time, unless told to keep them.
 */
export async function measureFullSize(options: FullSizeOptions): Promise<Report> {
  const { models, rounds, threads, keep } = options;
  const figures: Figure[] = [];
  for (const model of models) {
    const folder = await makeFullSizeModel(model);
    if (model === 'sd-1.5') {
      figures.push(...(await pictureAgainstBareSessions({ folder, request: small, threads })));
      figures.push(await refusal({ folder, request: small, threads }));
      figures.push(...(await compareGraphs(folder, { threads, rounds })));
    } else {
      figures.push(...(await stepOfXl({ folder, request: large, threads })));
    }
    if (!keep) await removeFullSizeModel(model);
  }
  const setting = { models: models.join('+'), rounds, threads };
  return { benchmark: 'full-size', setting, figures };
}

async function pictureAgainstBareSessions(order: PictureOrder): Promise<Figure[]> {
  const bar = progressBar('SD 1.5 shape, processes', 2);
  const engine = await startNode<EnginePicture>('pictures/engine.ts', order);
  const picture = await engine.ask();
  await engine.end();
  bar.advance();
  const { unetCalls } = picture;
  const parts = ['text_encoder', 'unet', 'vae_decoder'];
  const runs = await bareSessions({ ...order, parts, unetCalls, inTurn: false });
  bar.advance();
  bar.stop();
  const what = `SD 1.5 shape, 2 steps at 512², ${unetCalls} runs of the UNet`;
  return [
    { what: 'SD 1.5 shape: start of the engine', value: engine.readyMs / 1e3, unit: 's' },
    { what: `${what}: engine`, value: picture.ms / 1e3, unit: 's' },
    { what: `${what}: bare sessions`, value: runs.ms / 1e3, unit: 's' },
    {
      what: `${what}: engine over bare sessions`,
      value: picture.ms / runs.ms,
      unit: '×',
      bar: { at: 'most', value: 1.005 },
    },
    { what: 'SD 1.5 shape, peak memory: engine', value: gibibytes(picture), unit: 'GiB' },
    { what: 'SD 1.5 shape, peak memory: bare sessions', value: gibibytes(runs), unit: 'GiB' },
    {
      what: 'SD 1.5 shape, peak memory: engine over bare sessions',
      value: picture.peakBytes / runs.peakBytes,
      unit: '×',
      bar: { at: 'most', value: 1.15 },
    },
  ];
}

/** The UNet alone has 3.2 GiB of weights. */
async function refusal(order: PictureOrder): Promise<Figure> {
  const tight: EngineOrder = { ...order, budgetBytes: 2 * 2 ** 30 };
  const engine = await startNode<EnginePicture>('pictures/engine.ts', tight);
  await engine.end();
  return {
    what: 'SD 1.5 shape in a budget of 2 GiB, refusals',
    value: engine.versions.refused === undefined ? 0 : 1,
    unit: '',
    bar: { at: 'least', value: 1 },
  };
}

/** With bare sessions, no two of which are in memory at once, and with the engine in a budget for the largest. */
async function stepOfXl(order: PictureOrder): Promise<Figure[]> {
  const bar = progressBar('SDXL shape, processes', 2);
  const parts = ['text_encoder', 'text_encoder_2', 'unet', 'vae_decoder'];
  const runs = await bareSessions({ ...order, parts, unetCalls: 1, inTurn: true });
  bar.advance();
  const budgeted: EngineOrder = { ...order, budgetBytes: XL_BUDGET_BYTES };
  const engine = await startNode<EnginePicture>('pictures/engine.ts', budgeted);
  const picture = await engine.ask();
  const sinceStartMs = engine.sinceStartMs();
  await engine.end();
  bar.advance();
  bar.stop();
  const what = 'SDXL shape, 1 step at 1024²';
  const inTurn = `${what}, bare sessions in turn`;
  const inBudget = `${what}, engine in a budget of ${XL_BUDGET_BYTES / 2 ** 30} GiB`;
  const bound = { at: 'most', value: 20 } as const;
  return [
    { what: `${inTurn}: loading and running`, value: runs.ms / 1e3, unit: 's' },
    { what: `${inTurn}: peak memory`, value: gibibytes(runs), unit: 'GiB', bar: bound },
    { what: `${inBudget}: from its start to the picture`, value: sinceStartMs / 1e3, unit: 's' },
    { what: `${inBudget}: peak memory`, value: gibibytes(picture), unit: 'GiB', bar: bound },
  ];
}

async function bareSessions(order: BareOrder): Promise<Measurement> {
  const bare = await startNode<Measurement>('full-size/bare-sessions.ts', order);
  const runs = await bare.ask();
  await bare.end();
  return runs;
}

const gibibytes = ({ peakBytes }: Measurement): number => peakBytes / 2 ** 30;
