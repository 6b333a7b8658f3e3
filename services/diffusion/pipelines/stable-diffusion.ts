import { ModelError } from '../model-error.ts';
import { releaseSessions, type Sessions } from '../onnx/sessions.ts';
import { createTorchGenerator } from '../random/torch-generator.ts';
import { createScheduler, resolveScheduler } from '../schedulers/create-scheduler.ts';
import type { ClipTokenizer } from '../tokenizer/clip-tokenizer.ts';
import { createDenoiser, unetInterface } from './denoiser.ts';
import { createLatentDecoder } from './latent-decoder.ts';
import type { ModelConfigs } from './model-configs.ts';
import type { GenerateOptions, Picture, PictureRequest, Pipeline } from './pipeline.ts';
import { encodePng } from './png.ts';
import type { RunState } from './run-state.ts';
import { createTextEmbedder } from './text-embedding.ts';

/** A pipeline that also shows what it makes pictures of. */
export type StableDiffusion = Pipeline & {
  /** The decoder's pixels before they are clamped, [3, height, width]. */
  decode(request: PictureRequest, options?: GenerateOptions): Promise<Float32Array>;
};

/**
 * The stages of diffusers' StableDiffusionPipeline over three networks, which it owns from now on.
 * Runs may overlap; the runtime computes one step at a time.
 *
 * @throws ModelError where a network is not one of Stable Diffusion
 */
export function createStableDiffusion(
  configs: ModelConfigs,
  tokenizer: ClipTokenizer,
  sessions: Sessions,
): StableDiffusion {
  const unet = unetInterface(sessions.unet);
  const embed = createTextEmbedder(
    tokenizer,
    sessions.textEncoder,
    unet.inputs.encoder_hidden_states,
  );
  const decodeLatents = createLatentDecoder(sessions.vaeDecoder, configs.vae);

  async function decode(
    request: PictureRequest,
    { onStep, signal, resume }: GenerateOptions = {},
  ): Promise<Float32Array> {
    signal?.throwIfAborted();

    // 1. Check inputs
    const dims = latentDims(request, configs.latentChannels, configs.vaeScaleFactor);
    checkExported(unet.inputs.sample.shape, dims, configs.vaeScaleFactor);
    const size = dims[1] * dims[2] * dims[3];
    if (resume !== undefined) checkFits(resume, request.steps, size);

    // 2. Encode the prompt, [unconditional, conditional] with guidance
    const { guidanceScale, steps } = request;
    const fields = promptsUsed(request);
    const embeddings = await embed(fields.map((field) => request[field]));

    // 3. Prepare timesteps
    const random = createTorchGenerator(resume?.random ?? request.seed);
    const { scheduler: name, karras } = request;
    const scheduler = createScheduler(configs.scheduler, { name, karras, steps, random });

    // 4. Prepare latents
    const latents = new Float32Array(size);
    if (resume === undefined) {
      random.randn(latents);
      for (let i = 0; i < size; i++) latents[i] = latents[i]! * scheduler.initialNoiseSigma;
    } else {
      latents.set(resume.latents);
      scheduler.restore(resume.history);
    }

    // 5. Denoise. The runtime waits for the event loop before each run, so signals and messages
    // are seen between steps.
    const denoiser = createDenoiser(sessions.unet, unet, {
      dims,
      embeddings,
      guidanceScale: fields.length > 1 ? guidanceScale : undefined,
    });
    for (let step = resume?.step ?? 0; step < steps; step++) {
      signal?.throwIfAborted();
      scheduler.scaleModelInput(step, latents, denoiser.input);
      const output = await denoiser.predict(scheduler.timesteps[step]!);
      scheduler.step(step, output, latents);
      checkFinite(latents, `after step ${step + 1} of ${steps}`);
      onStep?.({
        step: step + 1,
        steps,
        latents: latents.slice(),
        random: random.state(),
        history: scheduler.history(),
      });
    }

    // 6. Decode
    signal?.throwIfAborted();
    const pixels = await decodeLatents(latents, dims);
    checkFinite(pixels, 'in the decoded picture');
    return pixels;
  }

  return {
    decode,
    async generate(request, options): Promise<Picture> {
      const { width, height } = request;
      const pixels = await decode(request, options);
      const truncated = promptsUsed(request).flatMap((field) => {
        const cut = tokenizer.cut(request[field]);
        return cut === undefined ? [] : { field, ...cut };
      });
      return { png: encodePng(pixels, width, height), width, height, truncated };
    },
    schedulerOf: ({ scheduler: name, karras }) =>
      resolveScheduler(configs.scheduler, { name, karras }),
    release: () => releaseSessions(sessions),
  };
}

/** In the order of the UNet's batch: without guidance the negative prompt has no effect. */
const promptsUsed = ({ guidanceScale }: PictureRequest) =>
  guidanceScale > 1 ? (['negativePrompt', 'prompt'] as const) : (['prompt'] as const);

function latentDims(
  { width, height }: PictureRequest,
  channels: number,
  factor: number,
): [1, number, number, number] {
  for (const [side, value] of Object.entries({ width, height })) {
    if (!Number.isInteger(value) || value <= 0 || value % factor !== 0) {
      throw new ModelError(
        'The picture cannot be made at this size',
        `${side} is ${value}`,
        `Ask for a multiple of ${factor}`,
      );
    }
  }
  return [1, channels, height / factor, width / factor];
}

/** Exporters can fix the size of the pictures. */
function checkExported(
  shape: readonly (number | string)[],
  dims: readonly number[],
  factor: number,
): void {
  const [height, width] = [shape[2], shape[3]];
  if (typeof height !== 'number' || typeof width !== 'number') return;
  if (height === dims[2] && width === dims[3]) return;
  throw new ModelError(
    'The picture cannot be made at this size',
    'the model was exported for one size alone',
    `Ask for ${width * factor}×${height * factor}`,
  );
}

function checkFits(state: RunState, steps: number, size: number): void {
  if (state.steps === steps && state.step <= steps && state.latents.length === size) return;
  throw new ModelError(
    'The run cannot go on from this state',
    `it was taken at step ${state.step} of ${state.steps} with ${state.latents.length} latents, and the request has ${steps} steps and ${size} latents`,
    'Resume with the request that the state was taken from',
  );
}

function checkFinite(values: Float32Array, where: string): void {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  if (Number.isFinite(sum)) return;
  throw new ModelError(
    'The model gave values that are not numbers',
    `NaN or infinity ${where}`,
    'Use a float32 export of the model, a lower guidance scale, or a scheduler that fits its prediction type',
  );
}
