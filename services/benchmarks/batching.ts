import {
  loadNetworks,
  loadPipeline,
  type Pipeline,
  releaseNetworks,
  Tensor,
} from '@darkroom/diffusion';
import { pinhole } from '@darkroom/pinhole';
import { progressBar } from '@darkroom/testing';
import { median, type Report } from './report.ts';

const SIDE = 64;
const LATENT_CHANNELS = 8;
const PROMPT_TOKENS = 32;
const schedulers = ['euler', 'euler-ancestral', 'ddim', 'dpmpp-2m', 'unipc', 'deis', 'lms'];
const providers = { executionProviders: ['cpu'] };

/** Guided pictures of mixed lengths and schedulers, without end. */
function* requests() {
  for (let i = 0; ; i++) {
    yield {
      prompt: 'a large red star on a blue background',
      negativePrompt: '',
      seed: i,
      steps: 10 + ((i * 7) % 21),
      guidanceScale: 4,
      scheduler: schedulers[i % schedulers.length],
      width: SIDE,
      height: SIDE,
    };
  }
}

/**
 * What batching adds: pictures of mixed lengths and schedulers, `slots` of them in the engine from
 * the first to the last moment, against bare sessions on the same networks that make as many calls:
 * the UNet at the whole batch, the text encoder for each picture that was begun and the decoder for each
 * that was done, nothing in between.
 */
export async function measureBatching(options: {
  slots: number;
  pictures: number;
  rounds: number;
}): Promise<Report> {
  const { slots, pictures, rounds } = options;
  const pipeline = await loadPipeline(pinhole.folder, providers);
  const bare = await prepareBareLoop(2 * slots);
  const rates = { together: [] as number[], bare: [] as number[], oneByOne: [] as number[] };
  const bar = progressBar('rounds', rounds);
  await makePictures(pipeline, { slots, pictures: slots });
  for (let round = 0; round < rounds; round++) {
    const made = await makePictures(pipeline, { slots, pictures });
    rates.together.push((2 * made.steps) / made.seconds);
    const runs = Math.round(made.steps / slots);
    rates.bare.push((2 * slots * runs) / (await bare.seconds({ ...made, runs })));
    const alone = await makePictures(pipeline, { slots: 1, pictures: Math.ceil(pictures / 4) });
    rates.oneByOne.push((2 * alone.steps) / alone.seconds);
    bar.advance();
  }
  bar.stop();
  await bare.release();
  await pipeline.release();

  const ratio = (to: readonly number[]) => median(rates.together.map((rate, i) => rate / to[i]!));
  const rate = (what: string, of: readonly number[]) =>
    ({ what: `${what}, samples through the UNet`, value: median(of), unit: '/s' }) as const;
  return {
    benchmark: 'batching',
    setting: { model: pinhole.name, slots, pictures, rounds },
    figures: [
      rate('the engine, batched', rates.together),
      rate('bare sessions, batched', rates.bare),
      rate('the engine, one by one', rates.oneByOne),
      {
        what: 'throughput of the engine over bare sessions, median',
        value: ratio(rates.bare),
        unit: '×',
        bar: { at: 'least', value: 0.95 },
      },
      {
        what: 'throughput batched over one by one, median',
        value: ratio(rates.oneByOne),
        unit: '×',
      },
    ],
  };
}

/** Keeps all slots full until so many pictures are done; the others are then left. */
async function makePictures(
  pipeline: Pipeline,
  { slots, pictures }: { slots: number; pictures: number },
): Promise<{ steps: number; seconds: number; begun: number; done: number }> {
  const supply = requests();
  const enough = new AbortController();
  let steps = 0;
  let begun = 0;
  let done = 0;
  let seconds = 0;
  const started = performance.now();
  const onStep = () => {
    steps += 1;
  };
  const slot = async () => {
    while (!enough.signal.aborted) {
      begun += 1;
      await pipeline.generate(supply.next().value!, { onStep, signal: enough.signal });
      done += 1;
      if (done < pictures || enough.signal.aborted) continue;
      seconds = (performance.now() - started) / 1e3;
      enough.abort();
    }
  };
  await Promise.allSettled(Array.from({ length: slots }, slot));
  return { steps, seconds, begun, done: pictures };
}

async function prepareBareLoop(batch: number) {
  const parts = ['text_encoder', 'unet', 'vae_decoder'] as const;
  const networks = await loadNetworks(pinhole.folder, parts, providers);
  const { session: textEncoder } = networks.text_encoder;
  const { session: unet } = networks.unet;
  const { session: vaeDecoder } = networks.vae_decoder;
  const random = (length: number) => Float32Array.from({ length }, () => Math.random() - 0.5);
  // Which tokens they are changes the values, not the work.
  const ids = BigInt64Array.from({ length: 2 * PROMPT_TOKENS }, (_, i) => BigInt(i));
  const text = { input_ids: new Tensor('int64', ids, [2, PROMPT_TOKENS]) };
  const { last_hidden_state: states } = await textEncoder.run(text);
  if (!(states?.data instanceof Float32Array)) throw new Error('no float32 embeddings');
  const embeddings = Float32Array.from({ length: (batch / 2) * states.data.length }, (_, i) =>
    Number((states.data as Float32Array)[i % states.data.length]),
  );
  const dims = [LATENT_CHANNELS, SIDE / 8, SIDE / 8];
  const size = dims.reduce((product, dim) => product * dim, 1);
  const timestep = unet.inputMetadata.find((input) => input.name === 'timestep');
  const isWhole = timestep?.isTensor === true && timestep.type === 'int64';
  const step = {
    sample: new Tensor('float32', random(batch * size), [batch, ...dims]),
    timestep: isWhole
      ? new Tensor('int64', new BigInt64Array(batch).fill(500n), [batch])
      : new Tensor('float32', new Float32Array(batch).fill(500), [batch]),
    encoder_hidden_states: new Tensor('float32', embeddings, [batch, ...states.dims.slice(1)]),
  };
  const decode = { latent_sample: new Tensor('float32', random(size), [1, ...dims]) };
  return {
    seconds: async (calls: { runs: number; begun: number; done: number }): Promise<number> => {
      const started = performance.now();
      let [begun, done] = [0, 0];
      for (let run = 1; run <= calls.runs; run++) {
        await unet.run(step);
        // Spread over the runs, as pictures that leave and join are.
        for (; done < (calls.done * run) / calls.runs; done++) await vaeDecoder.run(decode);
        for (; begun < (calls.begun * run) / calls.runs; begun++) await textEncoder.run(text);
      }
      return (performance.now() - started) / 1e3;
    },
    release: () => releaseNetworks(networks),
  };
}
