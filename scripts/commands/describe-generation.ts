import type { Generation } from '@darkroom/client/source';
import { table } from '@darkroom/testing/table';

/**
 * All of one generation, a line a fact.
 *
 * @param detail its evidence as operators see it, with workers and last words
 */
export function describeGeneration(
  generation: Generation,
  detail: readonly Evidence[] = generation.evidence,
): string {
  const { id, state, progress, attempt, request, images, error, cancelRequested, webhook } =
    generation;
  const { redriveOf, receipt, waiting, truncated } = generation;
  const rows = [
    ['id', id],
    ['state', cancelRequested && state === 'running' ? 'running, to be canceled' : state],
    ...(waiting === null ? [] : [['waits', describeWaiting(waiting)]]),
    ['steps', `${progress.step}/${progress.steps}`],
    ['attempt', String(attempt)],
    ...Object.entries(request).map(([name, value]) => [name, String(value)]),
    ...truncated.map((truncation) => ['warning', describeTruncation(truncation)]),
    ...images.map((image) => ['image', image.url]),
    ...(redriveOf === null ? [] : [['repeats', redriveOf]]),
    ...(error === null ? [] : [['error', `${error.code}: ${error.message}`]]),
    ...detail.map((entry) => ['evidence', describeEvidence(entry)]),
    ...(receipt === null ? [] : [['receipt', describeReceipt(receipt)]]),
    ...(webhook ? [['webhook', describeWebhook(webhook)]] : []),
  ];
  return table([['FIELD', 'VALUE'], ...rows]).join('\n');
}

/** What a prompt that is too long for the model has lost. */
export function describeTruncation(truncation: Generation['truncated'][number]): string {
  const { field, tokens, limit, dropped } = truncation;
  const name = field === 'prompt' ? 'prompt' : 'negative prompt';
  return `the ${name} has ${tokens} tokens, the model takes ${limit}; ignored: ${JSON.stringify(dropped)}`;
}

type Waiting = NonNullable<Generation['waiting']>;

const reasons: Record<Waiting['reason'], string> = {
  'no-capacity': 'the workers are at others that came before',
  'cold-start': 'no worker for its model has been seen lately',
  'model-loading': 'its worker loads the model',
  'workers-crashing': 'the workers for its model lose their engine again and again',
  'not-published': 'the queue cannot be reached; it goes on by itself',
};

function describeWaiting({ position, reason, startMs }: Waiting): string {
  const seconds = (ms: number) => Math.round(ms / 1_000);
  const when =
    startMs === null ? '' : `; begins in ${seconds(startMs.low)} to ${seconds(startMs.high)} s`;
  return `${position} ahead: ${reasons[reason]}${when}`;
}

function describeWebhook({
  state,
  attempts,
  lastError,
  nextAt,
}: NonNullable<Generation['webhook']>): string {
  const next = nextAt === null ? '' : `, next at ${nextAt}`;
  return `${state}, ${attempts} attempt${attempts === 1 ? '' : 's'}${next}${lastError === null ? '' : `; ${lastError}`}`;
}

type Evidence = Generation['evidence'][number] & {
  worker?: string;
  lastWords?: string | null;
};

const causes: Record<Evidence['cause'], string> = {
  'engine-died': 'its inference processes died of it',
  'lease-ended': 'its lease ended without a word',
  redelivered: 'the broker delivered its message again',
};

function describeEvidence({ worker, attempt, at, cause, lastWords }: Evidence): string {
  const words = lastWords ? `: ${lastWords.replaceAll(/\s*\n\s*/g, ' | ')}` : '';
  const where = worker === undefined ? '' : ` on ${worker}`;
  return `attempt ${attempt}${where}, ${at}: ${causes[cause]}${words}`;
}

function describeReceipt(receipt: NonNullable<Generation['receipt']>): string {
  const { stepsRun, stepsSpared, gpuMs, gpuMsSpared } = receipt;
  const spared = gpuMsSpared === null ? '' : ` in ${Math.round(gpuMsSpared)} ms`;
  return `${stepsRun} steps run in ${Math.round(gpuMs)} ms, ${stepsSpared} spared${spared}`;
}
