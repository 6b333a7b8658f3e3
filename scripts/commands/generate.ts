import { readFile } from 'node:fs/promises';
import type { DarkroomClient, Generation, GenerationInput, Image } from '@darkroom/client/source';
import { generationInput } from '@darkroom/contract';
import { describeTruncation } from './describe-generation.ts';
import { CommandFailure, UsageError } from './failure.ts';
import { fateOf, interruptedBy } from './interrupted.ts';
import { type OutputPath, openOutput, pictureName } from './output-path.ts';
import { createPreviewFile } from './preview-file.ts';
import { createProgressView } from './progress-view.ts';
import type { Context } from './run-command.ts';
import { type ServiceOptions, withService } from './service.ts';

type GenerateOptions = ServiceOptions &
  Omit<GenerationInput, 'scheduler'> & {
    scheduler?: string | undefined;
    output: string;
    preview?: string | undefined;
    json: boolean;
  };

export async function generate(options: GenerateOptions, context: Context): Promise<void> {
  const output = await openOutput(context.config.userPath(options.output), options.count ?? 1);
  const input = inputOf(options);
  const view = createProgressView(process.stderr);
  const show = view.add(options.prompt);
  const preview = previewFile(options, context);
  const files = await readInputs(options, context);
  const { generation, pictures } = await withService(options, context, async (client) => {
    const uploads = await upload(files, client, context.signal);
    const asked = { ...input, ...uploads, ...(preview && { previews: true }) };
    const onProgress = (present: Generation) => {
      show(present);
      if (preview && present.preview) preview.write(present.preview);
    };
    const generation = await runGeneration(client, asked, onProgress, context.signal);
    return { generation, pictures: await savePictures(client, generation, output, context.signal) };
  }).finally(() => view.close());
  const failure = await preview?.written();
  if (failure) context.note(`darkroom: warning: --preview cannot be written: ${failure.message}`);

  for (const truncation of generation.truncated) {
    context.note(`darkroom: warning: ${describeTruncation(truncation)}`);
  }
  if (options.json) {
    const images = generation.images.map((image, index) => ({
      ...image,
      file: pictures[index]?.file,
    }));
    context.print(JSON.stringify({ ...generation, images }, null, 2));
  } else {
    for (const { file } of pictures) context.print(file);
  }
  refuseUnfinished(generation);
}

/**
 * A generation at its end.
 *
 * @throws Interrupted that says what becomes of it
 */
export async function runGeneration(
  client: DarkroomClient,
  input: GenerationInput,
  show: (present: Generation) => void,
  signal: AbortSignal,
): Promise<Generation> {
  let asked: Generation | undefined;
  const onProgress = (_: unknown, present: Generation) => {
    asked = present;
    show(present);
  };
  return client.generate(input, { onProgress, signal }).catch(async (error) => {
    throw interruptedBy(signal, error, signal.aborted ? await fateOf(client, asked) : '');
  });
}

const previewFile = ({ preview }: GenerateOptions, { config }: Context) =>
  preview === undefined ? undefined : createPreviewFile(config.userPath(preview));

/** Options that name a picture file, by the request's field. */
const PICTURES = { initImage: '--init-image', mask: '--mask' } as const;

type Inputs = { -readonly [field in keyof typeof PICTURES]?: Uint8Array };

async function readInputs(options: GenerateOptions, { config }: Context): Promise<Inputs> {
  const inputs: Inputs = {};
  for (const field of ['initImage', 'mask'] as const) {
    const path = options[field];
    if (path === undefined) continue;
    inputs[field] = await readFile(config.userPath(path)).catch((error: Error) => {
      throw new UsageError(`${PICTURES[field]} cannot be read: ${error.message}`);
    });
  }
  return inputs;
}

async function upload(
  inputs: Inputs,
  client: DarkroomClient,
  signal: AbortSignal,
): Promise<Pick<GenerationInput, keyof Inputs>> {
  const uploads = Object.entries(inputs).map(async ([field, file]) => {
    const { upload } = await client.upload(file, { signal });
    return [field, upload] as const;
  });
  return Object.fromEntries(await Promise.all(uploads));
}

export type SavedPicture = { file: string; seed: Image['seed']; png: Uint8Array };

/** Saves the pictures of a generation, in order. */
export async function savePictures(
  client: DarkroomClient,
  { images, request }: Generation,
  output: OutputPath,
  signal: AbortSignal,
): Promise<SavedPicture[]> {
  const saved: SavedPicture[] = [];
  for (const image of images) {
    const png = await client.fetchImage(image, { signal });
    const file = await output.write(pictureName(request.prompt, image.seed), png);
    saved.push({ file, seed: image.seed, png });
  }
  return saved;
}

/** @throws CommandFailure where the generation did not succeed */
export function refuseUnfinished({ id, state, error }: Generation): void {
  if (state === 'succeeded') return;
  const why = error === null ? '' : `: ${error.code}: ${error.message}`;
  throw new CommandFailure(`generation ${id} ended ${state}${why}`);
}

/**
 * The request under a key of its own, so that asking again makes nothing twice. Which options there
 * are is the command line's to say, and which values they take the server's.
 */
const inputOf = (options: GenerateOptions): GenerationInput => {
  const fields = Object.keys(generationInput.shape) as (keyof GenerateOptions)[];
  const given = Object.fromEntries(fields.map((field) => [field, options[field]]));
  return { ...(given as GenerationInput), idempotencyKey: crypto.randomUUID() };
};
