import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  loadNetworks,
  loadPipeline,
  type Networks,
  releaseNetworks,
  Tensor,
} from '@darkroom/diffusion';
import { createLogger } from '@darkroom/lifecycle';
import { pinhole } from '@darkroom/pinhole';
import { progressBar } from '@darkroom/testing';
import { type InferenceRequest, startInference } from '@darkroom/worker';
import { median, type Report } from './report.ts';

const PAIRS_A_LOADING = 5;
const PROMPT_TOKENS = 32;
const SIDE = 64;
const TRAIN_TIMESTEPS = 1_000;

const parts = ['text_encoder', 'unet', 'vae_decoder'] as const;
const providers = { executionProviders: ['cpu'] };

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
async function prepareMinimalLoop(
  networks: Networks<(typeof parts)[number]>,
  latents: readonly Float32Array[],
) {
  const { session: textEncoder } = networks.text_encoder;
  const { session: unet } = networks.unet;
  const { session: vaeDecoder } = networks.vae_decoder;
  const { in_channels: channels } = JSON.parse(
    await readFile(join(pinhole.folder, 'unet', 'config.json'), 'utf8'),
  );
  const dims = [channels, SIDE / 8, SIDE / 8];
  // Which tokens they are changes the values, not the work.
  const ids = BigInt64Array.from({ length: 2 * PROMPT_TOKENS }, (_, i) => BigInt(i));
  const text = { input_ids: new Tensor('int64', ids, [2, PROMPT_TOKENS]) };
  const { last_hidden_state: states } = await textEncoder.run(text);
  const timestep = unet.inputMetadata.find((input) => input.name === 'timestep');
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
    await textEncoder.run(text);
    for (const step of steps) await unet.run(step);
    await vaeDecoder.run(decode);
  };
}

/**
 * The second of two runs. The first brings its process's weights back into the caches and its
 * threads back onto the cores, from which the other side of the pair has just driven them; in
 * service there is no such other side.
 */
async function timeWarm(work: () => Promise<unknown>): Promise<number> {
  await work();
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** The latents that the engine has before each step of a picture of so many steps, and after. */
async function latentsOfPicture(steps: number): Promise<Float32Array[]> {
  const latents: Float32Array[] = [];
  const pipeline = await loadPipeline(pinhole.folder, providers);
  await pipeline.generate(
    { ...request, steps: steps + 1 },
    { onStep: (state) => latents.push(state.latents) },
  );
  await pipeline.release();
  return latents;
}

/**
 * Engine overhead: from the parent's call to the PNG file's bytes in the parent, over the minimal
 * loop on the same networks, each timed warm, interleaved, medians. Both are loaded again several
 * times: where a process's memory comes to lie makes its runs some percent faster or slower.
 */
export async function measureEngine(options: { pairs: number; steps: number }): Promise<Report> {
  const { pairs, steps } = options;
  const latents = await latentsOfPicture(steps);
  const logger = createLogger({ name: 'bench', level: 'warn' });

  const engine: number[] = [];
  const minimal: number[] = [];
  const bar = progressBar('pairs', pairs);
  while (engine.length < pairs) {
    const inference = await startInference({ models: [pinhole], logger });
    const networks = await loadNetworks(pinhole.folder, parts, providers);
    const picture = () => inference.generate({ ...request, steps });
    const minimalLoop = await prepareMinimalLoop(networks, latents);
    await timeWarm(picture);
    await timeWarm(minimalLoop);
    for (let pair = 0; pair < PAIRS_A_LOADING && engine.length < pairs; pair++) {
      engine.push(await timeWarm(picture));
      minimal.push(await timeWarm(minimalLoop));
      bar.advance();
    }
    await releaseNetworks(networks);
    await inference.close();
  }
  bar.stop();
  return {
    benchmark: 'engine',
    setting: { model: pinhole.name, steps, pairs, loadings: Math.ceil(pairs / PAIRS_A_LOADING) },
    figures: [
      { what: 'picture through the engine, median', value: median(engine), unit: 'ms' },
      { what: 'session.run calls alone, median', value: median(minimal), unit: 'ms' },
      {
        what: 'engine overhead, median',
        // Of each pair's own ratio: a machine that grows slower slows both of a pair alike.
        value: median(engine.map((ms, pair) => ms / minimal[pair]!)),
        unit: '×',
        bar: { at: 'most', value: 1.01 },
      },
    ],
  };
}
