import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadSessions, pinhole, type Sessions, Tensor } from '@darkroom/diffusion';
import { createLogger } from '@darkroom/lifecycle';
import { type InferenceRequest, startInference } from '@darkroom/worker';
import { progressBar } from './progress.ts';
import { median, type Report } from './report.ts';

const WARM_UP_PAIRS = 3;
const PROMPT_TOKENS = 32;
const SIDE = 64;
const TRAIN_TIMESTEPS = 1_000;

const request: InferenceRequest = {
  model: pinhole.name,
  prompt: 'a large red star on a blue background',
  negativePrompt: '',
  seed: 1,
  steps: 0,
  guidanceScale: 1.5,
  scheduler: 'ddim',
  width: SIDE,
  height: SIDE,
};

/**
 * The least a picture can cost: the text encoder once, the UNet once a step with guidance, the
 * decoder once, on tensors that are there already, with nothing computed in between.
 *
 * @param latents of such a picture, one for each step and one to decode
 */
async function prepareMinimalLoop(sessions: Sessions, latents: readonly Float32Array[]) {
  const { in_channels: channels } = JSON.parse(
    await readFile(join(pinhole.folder, 'unet', 'config.json'), 'utf8'),
  );
  const dims = [channels, SIDE / 8, SIDE / 8];
  // Which tokens they are changes the values, not the work.
  const ids = BigInt64Array.from({ length: 2 * PROMPT_TOKENS }, (_, i) => BigInt(i));
  const text = { input_ids: new Tensor('int64', ids, [2, PROMPT_TOKENS]) };
  const { last_hidden_state: states } = await sessions.textEncoder.run(text);
  const timestep = sessions.unet.inputMetadata.find((input) => input.name === 'timestep');
  const isWhole = timestep?.isTensor === true && timestep.type === 'int64';
  const steps = latents.slice(0, -1).map((values, step) => {
    const t = Math.round(TRAIN_TIMESTEPS * (1 - step / (latents.length - 1))) - 1;
    return {
      sample: new Tensor('float32', Float32Array.of(...values, ...values), [2, ...dims]),
      timestep: isWhole
        ? new Tensor('int64', BigInt64Array.of(BigInt(t), BigInt(t)), [2])
        : new Tensor('float32', Float32Array.of(t, t), [2]),
      encoder_hidden_states: states as Tensor,
    };
  });
  const last = latents.at(-1) as Float32Array;
  const decode = { latent_sample: new Tensor('float32', last, [1, ...dims]) };
  return async () => {
    await sessions.textEncoder.run(text);
    for (const step of steps) await sessions.unet.run(step);
    await sessions.vaeDecoder.run(decode);
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
  const inference = await startInference({
    models: [pinhole],
    logger: createLogger({ name: 'bench', level: 'warn' }),
  });
  const picture = () => inference.generate({ ...request, steps });
  const latents: Float32Array[] = [];
  await inference.generate(
    { ...request, steps: steps + 1 },
    { onStep: (state) => latents.push(state.latents) },
  );
  const sessions = await loadSessions(pinhole.folder, { executionProviders: ['cpu'] });
  const minimalLoop = await prepareMinimalLoop(sessions, latents);

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
