import type { PictureMetadata } from '@darkroom/contract';

/**
 * Schedulers by the names that AUTOMATIC1111's webui and its forks give them. Where none of these has the
 * algorithm, diffusers' class is named.
 */
const samplers: Readonly<Record<string, string>> = {
  euler: 'Euler',
  'euler-ancestral': 'Euler a',
  heun: 'Heun',
  lms: 'LMS',
  ddim: 'DDIM',
  ddpm: 'DDPM',
  pndm: 'PLMS',
  deis: 'DEIS',
  unipc: 'UniPC',
  'dpmpp-2m': 'DPM++ 2M',
  'dpmpp-2m-sde': 'DPM++ 2M SDE',
  kdpm2: 'DPM2',
  'kdpm2-ancestral': 'DPM2 a',
  lcm: 'LCM',
  tcd: 'TCD',
};

const scheduleTypes = [
  ['use_karras_sigmas', 'Karras'],
  ['use_exponential_sigmas', 'Exponential'],
  ['use_beta_sigmas', 'Beta'],
] as const;

/**
 * The text `parameters` of the webui: prompt, negative prompt, and a line of settings, as its
 * `create_infotext` writes and its `parse_generation_parameters` reads. Who reads it cannot tell a
 * prompt's own line "Negative prompt: …" from ours; the exact request is in the metadata.
 *
 * The version is no bare number, because the webui would take it for its own and change how it reads.
 */
export function webuiParameters({
  request,
  modelDigest,
  scheduler,
  engine,
}: Pick<PictureMetadata, 'request' | 'modelDigest' | 'scheduler' | 'engine'>): string {
  const { prompt, negativePrompt, steps, guidanceScale, seed, width, height, model } = request;
  const { strength } = request;
  const { name, className, config } = scheduler;
  const schedule = scheduleTypes.find(([setting]) => config[setting] === true)?.[1];
  const settings = [
    ['Steps', steps],
    ['Sampler', samplers[name] ?? className],
    ...(schedule === undefined ? [] : [['Schedule type', schedule]]),
    ['CFG scale', guidanceScale],
    ['Seed', seed],
    ['Size', `${width}x${height}`],
    ['Model hash', modelDigest.replace('sha256:', '').slice(0, 10)],
    ['Model', model],
    ...(strength === undefined ? [] : [['Denoising strength', strength]]),
    // The seed's noise is that of torch's generator on the CPU, wherever the model runs.
    ['RNG', 'CPU'],
    ['Version', `Darkroom ${engine}`],
  ];
  return [
    prompt,
    ...(negativePrompt === '' ? [] : [`Negative prompt: ${negativePrompt}`]),
    settings.map(([key, value]) => `${key}: ${value}`).join(', '),
  ].join('\n');
}
