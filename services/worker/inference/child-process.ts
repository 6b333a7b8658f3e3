import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DarkroomError } from '@darkroom/contract';
import type { GenerateOptions, MemoryState, Picture, VaeTiling } from '@darkroom/diffusion';
import type { Logger } from '@darkroom/lifecycle';
import { childEnvironment } from './environment.ts';
import type { Identity } from './identity.ts';
import { type ChildDied, type Link, linkTo } from './link.ts';
import {
  type EngineFailure,
  greeting,
  type Hello,
  type InferenceRequest,
  type ModelFolder,
  PROTOCOL_VERSION,
  type Ran,
} from './protocol.ts';

export type ChildOptions = {
  models: readonly ModelFolder[];
  executionProviders: readonly string[];
  vaeTiling: VaeTiling;
  /** Whether pictures carry what made them; see `pictureText`. */
  pictureMetadata: boolean;
  /** Bytes for all models together, by estimate; undefined: without bound. */
  modelMemory?: number | undefined;
  /** Where optimised copies of the models are kept; undefined: nowhere. */
  optimizedModelDir?: string | undefined;
  /** Shortest time between two steps that are told; those in between are not. */
  stepIntervalMs: number;
  /** Longest silence between two steps; a step's own time and the decoding count. */
  stepTimeoutMs: number;
  /** Longest time from the start of the process until its models are loaded. */
  startTimeoutMs: number;
  logger: Logger;
  /** The parent's environment, of which the child sees a short list. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Ends the process, in whatever it is. */
  signal: AbortSignal;
  /** The child's program. @default this release's */
  program?: string;
};

/** One inference process, loaded and waiting. */
export type Child = {
  readonly pid: number;
  readonly identity: Identity;
  /** What it told last of its models' memory; undefined where that is not bounded. */
  memory(): MemoryState | undefined;
  /**
   * Makes one picture; calls may overlap. When aborted, reports its last step before it rejects.
   * @throws ChildDied when the process ends or is killed for its silence, `signal.reason` when
   *   aborted, EngineError when the engine refuses or fails
   */
  generate(
    request: InferenceRequest,
    options: GenerateOptions & {
      /** Told before each `onStep` and at the end, unless the process dies. */
      onRan?: (ran: Ran) => void;
      traceparent?: string;
    },
  ): Promise<Picture>;
  /** Ends the process, in whatever it is. */
  end(): void;
  /** Resolves once the process is gone, with how it ended. */
  readonly gone: Promise<ChildDied>;
};

/** The engine refused the request (MODEL) or failed at it (ENGINE). */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: EngineFailure;

  constructor(code: EngineFailure, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Starts a process, shakes hands and loads the models.
 *
 * @throws DarkroomError (`configuration`) when it speaks another version of the protocol or a model
 *   cannot be loaded; ChildDied when it ends before it is ready or takes too long
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { logger, stepIntervalMs, stepTimeoutMs } = options;
  const program = options.program ?? fileURLToPath(new URL('./child.ts', import.meta.url));
  const child = fork(program, [], {
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: childEnvironment(options.environment),
    execArgv: [],
  });
  const link = linkTo(child, logger);
  const kill = () => void child.kill('SIGKILL');
  options.signal.addEventListener('abort', kill, { once: true });
  void link.gone.then(() => options.signal.removeEventListener('abort', kill));
  try {
    const identity = await shakeHands(link, options);
    let lastId = 0;
    return {
      pid: child.pid ?? 0,
      identity,
      memory: link.memory,
      gone: link.gone,
      end: kill,
      generate: (request, { onStep, onRan, signal, resume, previews = false, traceparent }) => {
        const id = ++lastId;
        const abort = () => link.say({ type: 'abort', id });
        signal?.addEventListener('abort', abort, { once: true });
        link.say({
          type: 'generate',
          id,
          request,
          stepIntervalMs,
          previews,
          ...(resume !== undefined && { resume }),
          ...(traceparent !== undefined && { traceparent }),
        });
        return link
          .listen<Picture>(stepTimeoutMs, (message, done) => {
            if (!('id' in message) || message.id !== id) return;
            onRan?.(message.ran);
            if ('state' in message) onStep?.(message.state);
            if (message.type === 'picture') done.resolve(message.picture);
            else if (message.type === 'aborted') done.reject(signal?.reason);
            else if (message.type === 'failed') {
              done.reject(new EngineError(message.code, message.message));
            }
          })
          .finally(() => signal?.removeEventListener('abort', abort));
      },
    };
  } catch (error) {
    kill();
    throw error;
  }
}

async function shakeHands(link: Link, options: ChildOptions): Promise<Identity> {
  const { models, executionProviders, vaeTiling, pictureMetadata, startTimeoutMs } = options;
  const { modelMemory, optimizedModelDir } = options;
  let versions: Hello | undefined;
  return await link.listen<Identity>(startTimeoutMs, (message, done) => {
    if (versions === undefined) {
      const protocol = greeting.safeParse(message).data?.protocol;
      if (protocol !== PROTOCOL_VERSION || message.type !== 'hello') {
        const text =
          `the inference process speaks protocol ${protocol}, this worker ${PROTOCOL_VERSION}: ` +
          'the files were replaced under a running worker; restart the worker';
        return done.reject(new DarkroomError('configuration', text));
      }
      versions = message;
      const debug = options.logger.isLevelEnabled('debug');
      const settings = { vaeTiling, pictureMetadata, modelMemory, optimizedModelDir, debug };
      return link.say({ type: 'load', models, executionProviders, ...settings });
    }
    if (message.type === 'load-failed') {
      done.reject(new DarkroomError('configuration', message.message));
    } else if (message.type === 'ready') {
      const { protocol, engine, node, onnxruntime } = versions;
      const { models, executionProviders } = message;
      done.resolve({ protocol, engine, node, onnxruntime, models, executionProviders });
    }
  });
}
