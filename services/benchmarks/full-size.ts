import type { PictureRequest } from '@darkroom/diffusion';
import { progressBar } from '@darkroom/testing';
import type { BareOrder } from './full-size/bare-sessions.ts';
import { makeFullSizeModel, removeFullSizeModel } from './full-size/model-folder.ts';
import type { EnginePicture } from './pictures/engine.ts';
import { type Measurement, type PictureOrder, startNode } from './pictures/measured-process.ts';
import type { Figure, Report } from './report.ts';

const request: PictureRequest = {
  ...{ prompt: 'a large red star on a blue background', negativePrompt: '', seed: 1 },
  ...{ steps: 2, guidanceScale: 7.5, width: 512, height: 512 },
};

export type FullSizeOptions = {
  threads: number;
  keep: boolean;
};

/** Models at the size that people have, with random weights: what they take of time and memory. */
export async function measureFullSize(options: FullSizeOptions): Promise<Report> {
  const { threads, keep } = options;
  const figures: Figure[] = [];
  const folder = await makeFullSizeModel('sd-1.5');
  figures.push(...(await pictureAgainstBareSessions({ folder, request, threads })));
  if (!keep) await removeFullSizeModel('sd-1.5');
  return { benchmark: 'full-size', setting: { threads }, figures };
}

async function pictureAgainstBareSessions(order: PictureOrder): Promise<Figure[]> {
  const bar = progressBar('SD 1.5 shape, processes', 2);
  const engine = await startNode<EnginePicture>('pictures/engine.ts', order);
  const picture = await engine.ask();
  await engine.end();
  bar.advance();
  const bareOrder: BareOrder = {
    ...order,
    parts: ['text_encoder', 'unet', 'vae_decoder'],
    unetCalls: picture.unetCalls,
    inTurn: false,
  };
  const bare = await startNode<Measurement>('full-size/bare-sessions.ts', bareOrder);
  const runs = await bare.ask();
  await bare.end();
  bar.advance();
  bar.stop();
  const what = `SD 1.5 shape, 2 steps at 512², ${picture.unetCalls} runs of the UNet`;
  return [
    { what: 'SD 1.5 shape: start of the engine', value: engine.readyMs / 1e3, unit: 's' },
    { what: `${what}: engine`, value: picture.ms / 1e3, unit: 's' },
    { what: `${what}: bare sessions`, value: runs.ms / 1e3, unit: 's' },
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

const gibibytes = ({ peakBytes }: Measurement): number => peakBytes / 2 ** 30;
