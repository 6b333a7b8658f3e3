import type { DarkroomClient, Generation, GenerationInput } from '@darkroom/client/source';
import { CommandFailure } from './failure.ts';
import { type OutputPath, openOutput, pictureName } from './output-path.ts';
import { createProgressView } from './progress-view.ts';
import type { Context } from './run-command.ts';
import { type ServiceOptions, withService } from './service.ts';

type GenerateOptions = ServiceOptions &
  Omit<GenerationInput, 'scheduler'> & {
    scheduler?: string | undefined;
    output: string;
    json: boolean;
  };

export async function generate(options: GenerateOptions, context: Context): Promise<void> {
  const output = await openOutput(context.config.userPath(options.output), options.count ?? 1);
  const input = inputOf(options);
  const view = createProgressView(process.stderr);
  const onProgress = view.add(options.prompt);
  const { generation, pictures } = await withService(options, context, async (client) => {
    const generation = await client.generate(input, {
      onProgress: (_, present) => onProgress(present),
      signal: context.signal,
    });
    return { generation, pictures: await savePictures(client, generation, output, context.signal) };
  }).finally(() => view.close());

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

export type SavedPicture = { file: string; seed: number; png: Uint8Array };

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

/** The request under a key of its own, so that asking again makes nothing twice. */
const inputOf = (options: GenerateOptions): GenerationInput => ({
  model: options.model,
  prompt: options.prompt,
  negativePrompt: options.negativePrompt,
  seed: options.seed,
  steps: options.steps,
  guidanceScale: options.guidanceScale,
  // Which names there are is the server's to say.
  scheduler: options.scheduler as GenerationInput['scheduler'],
  karras: options.karras,
  width: options.width,
  height: options.height,
  count: options.count,
  idempotencyKey: crypto.randomUUID(),
});
