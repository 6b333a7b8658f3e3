import { isDeepStrictEqual } from 'node:util';
import {
  type AppRouter,
  type DarkroomClient,
  type Generation,
  TRPCClientError,
} from '@darkroom/client/source';
import type { PictureMetadata } from '@darkroom/contract';
import { PngError } from '@darkroom/diffusion/png-text';
import { CommandFailure } from './failure.ts';
import { refuseUnfinished, runGeneration } from './generate.ts';
import { openOutput, pictureName } from './output-path.ts';
import { type PictureDifference, pictureDifference } from './picture-difference.ts';
import { createProgressView } from './progress-view.ts';
import { metadataOf, readMadePicture } from './read-made-picture.ts';
import type { Context } from './run-command.ts';
import { type ServiceOptions, withService } from './service.ts';

type ReproduceOptions = ServiceOptions & {
  file: string;
  output?: string | undefined;
  json: boolean;
};

/** What is promised between runtimes and providers; on the same ones, pictures are bit-identical. */
const TOLERANCE = 1;

/** Makes a picture again from what its file says, and tells how far the new one is from it. */
export async function reproduce(options: ReproduceOptions, context: Context): Promise<void> {
  const file = context.config.userPath(options.file);
  const original = await readMadePicture(file);
  const { request } = original.metadata;
  const output =
    options.output === undefined
      ? undefined
      : await openOutput(context.config.userPath(options.output), 1);
  const input = { ...request, count: 1, idempotencyKey: crypto.randomUUID() };
  const view = createProgressView(process.stderr);
  const show = view.add(request.prompt);
  const png = await withService(options, context, async (client) => {
    await refuseUnknownModel(client, file, request.model);
    const generation = await runGeneration(client, input, show, context.signal).catch(
      (error: unknown) => {
        throw refusedBecauseOf(file, error);
      },
    );
    refuseUnfinished(generation);
    return fetchOnly(client, generation, context.signal);
  }).finally(() => view.close());

  const saved = await output?.write(pictureName(request.prompt, request.seed), png);
  const difference = pictureDifference(original.png, png);
  const changes = changesOf(original.metadata, png);
  const equal = difference.largest <= TOLERANCE;
  if (options.json) {
    const report = { file, output: saved ?? null, equal, difference, changes: changes ?? null };
    context.print(JSON.stringify(report, null, 2));
  } else {
    context.print(describe(difference, changes).join('\n'));
    if (saved !== undefined) context.print(saved);
  }
  if (!equal)
    throw new CommandFailure(`${file} does not come out as it was made: ${causeOf(changes)}`);
}

/** @throws CommandFailure where the service cannot be asked for the model */
async function refuseUnknownModel(client: DarkroomClient, file: string, model: string) {
  const models = await client.models.list.query();
  const names = models.map(({ name }) => name);
  if (names.includes(model)) return;
  throw new CommandFailure(
    `${file} was made with the model ${model}, and the service's catalogue has ${names.join(', ')}: add it to ` +
      'the catalogue (MODELS, MODEL_DIR), or name another service with --server',
  );
}

/** The command line is not what is wrong where the service refuses what the file asks for. */
function refusedBecauseOf(file: string, error: unknown): unknown {
  const isRefusal =
    error instanceof TRPCClientError &&
    (error as TRPCClientError<AppRouter>).data?.code === 'BAD_REQUEST';
  return isRefusal
    ? new CommandFailure(`the service does not make what ${file} asks for: ${error.message}`)
    : error;
}

async function fetchOnly(client: DarkroomClient, { images }: Generation, signal: AbortSignal) {
  const [image] = images;
  if (image === undefined) throw new CommandFailure('the service has made no picture');
  return client.fetchImage(image, { signal });
}

/** What makes a picture now and did not when the file was made, or the other way round. */
type Change = { field: string; was: unknown; now: unknown };

/** What differs in the new picture's metadata; undefined where it has none that can be read here. */
function changesOf(then: PictureMetadata, png: Uint8Array): Change[] | undefined {
  let now: PictureMetadata | undefined;
  try {
    now = metadataOf(png);
  } catch (error) {
    // A server of another release may write them otherwise.
    if (!(error instanceof PngError)) throw error;
  }
  if (now === undefined) return undefined;
  const flat = ({ version: _, request, scheduler, ...makers }: PictureMetadata) =>
    new Map<string, unknown>([
      ...under('request', request),
      ...Object.entries(makers),
      ...under('scheduler', { name: scheduler.name, className: scheduler.className }),
      ...under('scheduler.config', scheduler.config),
    ]);
  const [before, after] = [flat(then), flat(now)];
  const fields = new Set([...before.keys(), ...after.keys()]);
  // Earlier releases did not say.
  if (then.provider === undefined) fields.delete('provider');
  return [...fields].flatMap((field) => {
    const change = { field, was: before.get(field) ?? null, now: after.get(field) ?? null };
    return isDeepStrictEqual(change.was, change.now) ? [] : [change];
  });
}

const under = (prefix: string, fields: object): [string, unknown][] =>
  Object.entries(fields).map(([name, value]) => [`${prefix}.${name}`, value]);

function describe({ largest, share }: PictureDifference, changes: readonly Change[] | undefined) {
  const percent = (share * 100).toPrecision(2);
  return [
    largest === 0
      ? 'bit-identical: every value of every pixel is the same'
      : `${percent} % of the values differ, by at most ${largest} of 255`,
    ...(changes?.map(describeChange) ?? [
      'the service does not say what makes its pictures (PICTURE_METADATA=0, or another release), so ' +
        'changes cannot be told',
    ]),
  ];
}

function causeOf(changes: readonly Change[] | undefined): string {
  if (changes === undefined) return 'what differs from then is not known';
  if (changes.length === 0) {
    return (
      'model, engine, runtime and providers are those that made it; either another processor ' +
      'computes otherwise, or its pixels were changed'
    );
  }
  return `other than then is ${changes.map(({ field }) => field).join(', ')}`;
}

const names: Readonly<Record<string, string>> = {
  modelDigest: "the model's digest",
  engine: "Darkroom's engine",
  onnxruntime: 'the runtime (onnxruntime)',
  node: 'Node',
  executionProviders: 'the execution providers',
  provider: 'the provider that ran the model',
  vaeTiling: 'whether the VAE decodes in tiles (VAE_TILING)',
};

const describeChange = ({ field, was, now }: Change): string =>
  `${names[field] ?? field} differs: was ${JSON.stringify(was)}, is ${JSON.stringify(now)}`;
