import {
  type DarkroomClient,
  type Generation,
  type GenerationState,
  TRPCClientError,
} from '@darkroom/client/source';
import { table } from '@darkroom/testing/table';
import { describeGeneration } from './describe-generation.ts';
import { refuseUnfinished } from './generate.ts';
import { goesOn, interruptedBy } from './interrupted.ts';
import { createProgressView } from './progress-view.ts';
import type { Context } from './run-command.ts';
import { type ServiceOptions, withService } from './service.ts';

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
  context.print(table([['ID', 'STATE', 'STEPS', 'CREATED', 'PROMPT'], ...rows]).join('\n'));
}

export async function show(options: OneOptions, context: Context): Promise<void> {
  const { id, json } = options;
  const { generation, detail } = await withExisting(options, context, async (client) => {
    const generation = await client.generations.get.query({ id });
    return { generation, detail: await evidenceOf(generation, client) };
  });
  const shown = { ...generation, evidence: detail };
  context.print(json ? JSON.stringify(shown, null, 2) : describeGeneration(generation, detail));
}

/** With workers and last words, where the caller's key has the scope for them. */
async function evidenceOf({ id, evidence }: Generation, client: DarkroomClient) {
  if (evidence.length === 0) return evidence;
  try {
    return await client.system.evidence.query({ id });
  } catch (error) {
    if (error instanceof TRPCClientError && error.data?.code === 'FORBIDDEN') return evidence;
    throw error;
  }
}

export async function watch(options: OneOptions, context: Context): Promise<void> {
  const view = createProgressView(process.stderr);
  const onProgress = view.add(options.id);
  const generation = await withExisting(options, context, (client) =>
    client.waitFor(options.id, {
      onProgress: (_, present) => onProgress(present),
      signal: context.signal,
    }),
  )
    .catch((error: unknown) => {
      throw interruptedBy(context.signal, error, goesOn(options.id));
    })
    .finally(() => view.close());
  printOne(generation, options, context);
  refuseUnfinished(generation);
}

export async function cancel(options: OneOptions, context: Context): Promise<void> {
  const stop = (client: DarkroomClient) => client.generations.cancel.mutate({ id: options.id });
  printOne(await withExisting(options, context, stop), options, context);
}

/** Prints the new generation. */
export async function redrive(options: OneOptions, context: Context): Promise<void> {
  const again = (client: DarkroomClient) => client.generations.redrive.mutate({ id: options.id });
  printOne(await withExisting(options, context, again), options, context);
}

/** A finished one, with its pictures, for good. */
export async function remove(options: OneOptions, context: Context): Promise<void> {
  const forget = (client: DarkroomClient) => client.generations.delete.mutate({ id: options.id });
  const { id } = await withExisting(options, context, forget);
  context.print(options.json ? JSON.stringify({ id }) : `deleted ${id}`);
}

/** Where there is no data folder there are no jobs to speak of. */
const withExisting: typeof withService = (options, context, work) =>
  withService(options, context, work, { mustExist: true });

function printOne(generation: Generation, { json }: Options, { print }: Context): void {
  print(json ? JSON.stringify(generation, null, 2) : describeGeneration(generation));
}
