// The inference child: one process per GPU, because a run blocks its thread from start to end.
// It holds the models and nothing else, no credentials and no connection but the one to its parent.
// Pictures that are made at the same time share the engine's runs where model and size are the same.
import { join } from 'node:path';
import process from 'node:process';
import {
  addPngText,
  createModelMemory,
  engineVersions,
  loadObserved,
  ModelError,
  type ModelMemory,
  networkDigests,
  type OptimizedCopies,
  OverBudget,
  type Pipeline,
  type RunState,
  verifyModelFolder,
} from '@darkroom/diffusion';
import { withFolderLock } from '../model-cache/folder-lock.ts';
import { pictureText } from './picture-text.ts';
import {
  type ChildMessage,
  type InferenceRequest,
  type LoadedModel,
  type LogLevel,
  type ParentMessage,
  PROTOCOL_VERSION,
  type Ran,
} from './protocol.ts';
import { createSharedTime } from './shared-time.ts';
import { stepsDone } from './steps-done.ts';

const pipelines = new Map<string, Pipeline>();
/** Why a model is not there, of those that need more memory than there is for models. */
const refused = new Map<string, string>();
let memory: ModelMemory | undefined;
/** What makes a picture beside its request; undefined where pictures are not to carry it. */
let makers: { models: Map<string, LoadedModel>; executionProviders: string[] } | undefined;
let tellsDebug = false;
const running = new Map<number, AbortController>();
const engineTime = createSharedTime(() => running.size);

/** Serialises at once, so what is sent may change after the call. */
const say = (message: ChildMessage): void => {
  process.send?.(message);
};
const log = (level: LogLevel, message: string, fields: Record<string, unknown>): void => {
  if (level !== 'debug' || tellsDebug) say({ type: 'log', level, message, fields });
};
const describe = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

async function load(message: Extract<ParentMessage, { type: 'load' }>): Promise<void> {
  const { vaeTiling } = message;
  tellsDebug = message.debug;
  const executionProviders = [...message.executionProviders];
  const models: LoadedModel[] = [];
  if (message.modelMemory !== undefined) memory = createModelMemory(message.modelMemory);
  for (const { name, folder } of message.models) {
    const started = performance.now();
    try {
      const { digest, files } = await verifyModelFolder(folder);
      const optimized = copiesOf(name, networkDigests(files), message.optimizedModelDir);
      const options = { executionProviders, vaeTiling, memory, optimized };
      const loaded = await loadObserved(folder, options).catch((error: unknown) => {
        if (!(error instanceof OverBudget)) throw error;
        refused.set(name, error.message);
        log('error', error.message, { model: name });
      });
      if (loaded !== undefined) pipelines.set(name, loaded.pipeline);
      const loadMs = performance.now() - started;
      const { provider = 'none', nodes = {} } = loaded ?? {};
      const latentRgb = loaded?.pipeline.latentRgb;
      models.push({
        ...{ name, digest, loadMs, provider, nodes },
        ...(latentRgb !== undefined && { latentRgb }),
      });
    } catch (error) {
      say({ type: 'load-failed', message: `model ${name} in ${folder}: ${describe(error)}` });
      return;
    }
  }
  if (pipelines.size === 0 && refused.size > 0) {
    say({ type: 'load-failed', message: [...refused.values()].join('\n') });
    return;
  }
  if (memory !== undefined && memory.state().evictions > 0) {
    const text =
      'the models do not fit into MODEL_MEMORY together: their networks are loaded in turn';
    log('warn', text, { ...memory.state() });
  }
  tellMemory();
  if (message.pictureMetadata) {
    makers = { models: new Map(models.map((model) => [model.name, model])), executionProviders };
  }
  say({ type: 'ready', models, executionProviders });
}

function copiesOf(
  name: string,
  digests: ReadonlyMap<string, string>,
  dir: string | undefined,
): OptimizedCopies | undefined {
  if (dir === undefined) return undefined;
  const folder = join(dir, name);
  const fields = { model: name, folder };
  return {
    folder,
    digests,
    exclusively: (task) =>
      withFolderLock(join(folder, '.lock'), task, {
        onWait: () => log('info', 'another process optimises it', fields),
        signal: new AbortController().signal,
      }),
    onCopy: (what, part, why) => {
      const level = what === 'made' ? 'info' : 'warn';
      const message = `optimised copy of ${part} ${what.replace('-', ' ')}`;
      log(level, message, { ...fields, ...(why && { why }) });
    },
  };
}

function tellMemory(): void {
  if (memory !== undefined) say({ type: 'memory', state: memory.state() });
}

async function generate(message: Extract<ParentMessage, { type: 'generate' }>): Promise<void> {
  const { id, request, stepIntervalMs, previews, resume, traceparent } = message;
  const { model, uploads: _, ...pictureRequest } = request;
  const fields = { model, ...(traceparent !== undefined && { traceparent }) };
  const pipeline = pipelines.get(model);
  if (pipeline === undefined) {
    const ran = { steps: 0, engineMs: 0 };
    say({
      type: 'failed',
      id,
      code: 'MODEL',
      message: refused.get(model) ?? `model ${model} is not loaded`,
      ran,
    });
    return;
  }
  const abort = new AbortController();
  const started = engineTime.ms();
  running.set(id, abort);
  const from = stepsDone(resume, request.steps);
  let toldAt = performance.now();
  let last: RunState | undefined;
  let untold: RunState | undefined;
  const ran = (): Ran => ({
    steps: last === undefined ? 0 : stepsDone(last, request.steps) - from,
    engineMs: engineTime.ms() - started,
  });
  try {
    log('debug', 'picture started', fields);
    const picture = await pipeline.generate(pictureRequest, {
      onStep: (state) => {
        const now = performance.now();
        last = state;
        untold = state;
        if (now - toldAt < stepIntervalMs) return;
        toldAt = now;
        untold = undefined;
        say({ type: 'step', id, state, ran: ran() });
      },
      signal: abort.signal,
      previews,
      ...(resume !== undefined && { resume }),
    });
    const file = { ...picture, png: withMetadata(picture.png, request, pipeline) };
    const whole = ran();
    log('debug', 'picture done', { ...fields, ...whole });
    say({ type: 'picture', id, picture: file, ran: whole });
  } catch (error) {
    const part = ran();
    log('debug', 'picture ended', { ...fields, ...part });
    if (abort.signal.aborted) {
      say({ type: 'aborted', id, ran: part, ...(untold !== undefined && { state: untold }) });
    } else {
      const code = error instanceof ModelError ? 'MODEL' : 'ENGINE';
      say({ type: 'failed', id, code, message: describe(error), ran: part });
    }
  } finally {
    // What has passed until now was shared with this picture.
    engineTime.ms();
    running.delete(id);
    tellMemory();
  }
}

function withMetadata(png: Uint8Array, request: InferenceRequest, pipeline: Pipeline): Uint8Array {
  if (makers === undefined) return png;
  const { models, executionProviders } = makers;
  const { digest: modelDigest = '', provider = '' } = models.get(request.model) ?? {};
  const identity = { ...engineVersions, executionProviders, provider };
  const scheduler = pipeline.schedulerOf(request);
  const vaeTiling = pipeline.usesTiles(request);
  return addPngText(png, pictureText({ request, scheduler, vaeTiling, modelDigest, identity }));
}

process.on('message', (message: ParentMessage) => {
  if (message.type === 'load') void load(message);
  else if (message.type === 'generate') void generate(message);
  else running.get(message.id)?.abort();
});
// The parent is gone, however it went: nobody waits for what this process makes.
process.on('disconnect', () => process.exit(0));
// A terminal sends these to the whole group; the parent decides when the child ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

say({ type: 'hello', protocol: PROTOCOL_VERSION, ...engineVersions });
