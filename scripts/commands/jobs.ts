import type { DarkroomClient, Generation, GenerationState } from '@darkroom/client/source';
import { refuseUnfinished } from './generate.ts';
import { createProgressView } from './progress-view.ts';
import type { Context } from './run-command.ts';
import { type ServiceOptions, withService } from './service.ts';
import { table } from './table.ts';

type Options = ServiceOptions & { json: boolean };
type OneOptions = Options & { id: string };
type ListOptions = Options & { limit: number; state?: GenerationState | undefined };

export async function list(options: ListOptions, context: Context): Promise<void> {
  const { limit, state } = options;
  const page = await withExisting(options, context, (client) =>
    client.generations.list.query({ limit, ...(state !== undefined && { state }) }),
  );
  if (options.json) return context.print(JSON.stringify(page, null, 2));
  const rows = page.generations.map(({ id, state, progress, request, createdAt }) => [
    id,
    state,
    `${progress.step}/${progress.steps}`,
    createdAt,
    request.prompt.length > 60 ? `${request.prompt.slice(0, 59)}…` : request.prompt,
  ]);
  context.print(table([['id', 'state', 'steps', 'created', 'prompt'], ...rows]));
}

export async function show(options: OneOptions, context: Context): Promise<void> {
  const get = (client: DarkroomClient) => client.generations.get.query({ id: options.id });
  printOne(await withExisting(options, context, get), options, context);
}

export async function watch(options: OneOptions, context: Context): Promise<void> {
  const view = createProgressView(process.stderr);
  const onProgress = view.add(options.id);
  const generation = await withExisting(options, context, (client) =>
    client.waitFor(options.id, {
      onProgress: (_, present) => onProgress(present),
      signal: context.signal,
    }),
  ).finally(() => view.close());
  printOne(generation, options, context);
  refuseUnfinished(generation);
}

export async function cancel(options: OneOptions, context: Context): Promise<void> {
  const stop = (client: DarkroomClient) => client.generations.cancel.mutate({ id: options.id });
  printOne(await withExisting(options, context, stop), options, context);
}

/** Where there is no data folder there are no jobs to speak of. */
const withExisting: typeof withService = (options, context, work) =>
  withService(options, context, work, { mustExist: true });

function printOne(generation: Generation, { json }: Options, { print }: Context): void {
  print(json ? JSON.stringify(generation, null, 2) : describe(generation));
}

function describe(generation: Generation): string {
  const { id, state, progress, attempt, request, images, error, cancelRequested, webhook } =
    generation;
  const rows = [
    ['id', id],
    ['state', cancelRequested && state === 'running' ? 'running, to be canceled' : state],
    ['steps', `${progress.step}/${progress.steps}`],
    ['attempt', String(attempt)],
    ...Object.entries(request).map(([name, value]) => [name, String(value)]),
    ...images.map((image) => ['image', image.url]),
    ...(error === null ? [] : [['error', `${error.code}: ${error.message}`]]),
    ...(webhook ? [['webhook', describeWebhook(webhook)]] : []),
  ];
  return table([['field', 'value'], ...rows]);
}

function describeWebhook({
  state,
  attempts,
  lastError,
  nextAt,
}: NonNullable<Generation['webhook']>): string {
  const next = nextAt === null ? '' : `, next at ${nextAt}`;
  return `${state}, ${attempts} attempts${next}${lastError === null ? '' : `; ${lastError}`}`;
}
