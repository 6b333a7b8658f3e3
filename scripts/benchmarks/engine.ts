import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadSessions, pinhole, type Sessions, Tensor } from '@darkroom/diffusion';
import { createLogger } from '@darkroom/lifecycle';
import { startInference } from '@darkroom/worker';
import { progressBar } from './progress.ts';
import { median, type Report } from './report.ts';

const WARM_UP_PAIRS = 3;
const PROMPT_TOKENS = 32;
const SIDE = 64;

/**
 * The least a picture can cost: the text encoder once, the UNet once a step with guidance, the
 * decoder once, on tensors that are there already, with nothing computed in between.
 */
async function prepareMinimalLoop(sessions: Sessions, steps: number) {
  const { in_channels: channels, cross_attention_dim: width } = JSON.parse(
    await readFile(join(pinhole.folder, 'unet', 'config.json'), 'utf8'),
  );
  const floats = (...dims: number[]) =>
    new Tensor(
      'float32',
      Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => Math.sin(i)),
      dims,
    );
  const text = {
    input_ids: new Tensor('int64', new BigInt64Array(2 * PROMPT_TOKENS), [2, PROMPT_TOKENS]),
  };
  const timestep = sessions.unet.inputMetadata.find((input) => input.name === 'timestep');
  const denoise = {
    sample: floats(2, channels, SIDE / 8, SIDE / 8),
    timestep:
      timestep?.isTensor && timestep.type === 'int64'
        ? new Tensor('int64', BigInt64Array.of(500n, 500n), [2])
        : new Tensor('float32', Float32Array.of(500, 500), [2]),
    encoder_hidden_states: floats(2, PROMPT_TOKENS, width),
  };
  const latents = { latent_sample: floats(1, channels, SIDE / 8, SIDE / 8) };
  return async () => {
    await sessions.textEncoder.run(text);
    for (let step = 0; step < steps; step++) await sessions.unet.run(denoise);
    await sessions.vaeDecoder.run(latents);
  };
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/**
 * Engine overhead: from the parent's call to the PNG file's bytes in the parent, over the minimal
 * loop on the same sessions, interleaved, medians.
 */
export async function measureEngine(options: { pairs: number; steps: number }): Promise<Report> {
  const { pairs, steps } = options;
  const sessions = await loadSessions(pinhole.folder, { executionProviders: ['cpu'] });
  const minimalLoop = await prepareMinimalLoop(sessions, steps);
  const inference = await startInference({
    models: [pinhole],
    logger: createLogger({ name: 'bench', level: 'warn' }),
  });
  const picture = () =>
    inference.generate({
      model: pinhole.name,
      prompt: 'a large red star on a blue background',
      negativePrompt: '',
      seed: 1,
      steps,
      guidanceScale: 4,
      width: SIDE,
      height: SIDE,
    });

  const engine: number[] = [];
  const minimal: number[] = [];
  const bar = progressBar('pairs', WARM_UP_PAIRS + pairs);
  for (let pair = -WARM_UP_PAIRS; pair < pairs; pair++) {
    const took = { engine: await time(picture), minimal: await time(minimalLoop) };
    if (pair >= 0) {
      engine.push(took.engine);
      minimal.push(took.minimal);
    }
    bar.advance();
  }
  bar.stop();
  await inference.close();
  return {
    benchmark: 'engine',
    setting: { model: pinhole.name, steps, pairs },
    figures: [
      { what: 'picture through the engine, median', value: median(engine), unit: 'ms' },
      { what: 'session.run calls alone, median', value: median(minimal), unit: 'ms' },
      {
        what: 'engine overhead',
        value: median(engine) / median(minimal),
        unit: '×',
        bar: { at: 'most', value: 1.05 },
      },
    ],
  };
}
