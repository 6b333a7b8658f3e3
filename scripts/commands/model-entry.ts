import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ModelEntry, modelEntry } from '@darkroom/contract';
import { z } from 'zod';
import { CommandFailure } from './command-failure.ts';

/** What the pipelines of diffusers take unless told, by their class in `model_index.json`. */
const defaultsOf = [
  { pipeline: /LatentConsistency/, steps: 4, guidanceScale: 8.5 },
  { pipeline: /StableDiffusionXL/, steps: 50, guidanceScale: 5 },
  { pipeline: /./, steps: 50, guidanceScale: 7.5 },
] as const;
const MAX_STEPS = 150;
const MAX_COUNT = 4;
/** Of latents per side, where `unet/config.json` has none: as in diffusers. */
const SAMPLE_SIZE = 64;

const side = z.int().positive();
const indexFile = z.object({ _class_name: z.string() });
const unetFile = z.object({
  sample_size: z.union([side, z.tuple([side, side])]).nullish(),
  block_out_channels: z.array(z.int()).min(1),
});
const vaeFile = z.object({ block_out_channels: z.array(z.int()).min(1) });

/**
 * What a catalogue may say of a model, from its folder: the size that its UNet was trained for, half and
 * twice that, and the defaults of its pipeline in diffusers.
 *
 * @throws CommandFailure that names the file which does not say so
 */
export async function entryOf(
  name: string,
  folder: string,
  description: string,
): Promise<ModelEntry> {
  const { _class_name } = await readConfig(folder, 'model_index.json', indexFile);
  const unet = await readConfig(folder, 'unet/config.json', unetFile);
  const vae = await readConfig(folder, 'vae_decoder/config.json', vaeFile);
  const { steps = 50, guidanceScale = 7.5 } =
    defaultsOf.find(({ pipeline }) => pipeline.test(_class_name)) ?? {};
  const scale = 2 ** (vae.block_out_channels.length - 1);
  // Exported graphs have no way to fit skip connections of odd sizes together.
  const multiple = scale * 2 ** (unet.block_out_channels.length - 1);
  const [height, width] = [unet.sample_size ?? SAMPLE_SIZE].flat().map((size) => size * scale);
  const about = (size: number) => {
    const multipleOf = size % multiple === 0 ? multiple : scale;
    const min = Math.max(multipleOf, Math.ceil(size / 2 / multipleOf) * multipleOf);
    return { min, max: 2 * size, multipleOf };
  };
  const high = height ?? SAMPLE_SIZE * scale;
  const wide = width ?? high;
  return modelEntry.parse({
    name,
    description,
    limits: { steps: MAX_STEPS, count: MAX_COUNT, width: about(wide), height: about(high) },
    defaults: { steps, guidanceScale, width: wide, height: high },
  });
}

async function readConfig<T extends z.ZodType>(
  folder: string,
  file: string,
  schema: T,
): Promise<z.output<T>> {
  const path = join(folder, file);
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new CommandFailure(
      `the model is there, but no catalogue entry can be made of it: ${path}: ${why}; write the entry yourself`,
    );
  }
}

/** Writes a catalogue of one model unless the file is there, which somebody may have changed. */
export async function writeCatalogue(path: string, entry: ModelEntry): Promise<void> {
  const text = `${JSON.stringify({ models: [entry] }, null, 2)}\n`;
  await writeFile(path, text, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}
