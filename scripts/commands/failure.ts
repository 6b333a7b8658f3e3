import { type AppRouter, TRPCClientError, UnreachableError } from '@darkroom/client/source';
import { DarkroomError } from '@darkroom/contract';
import { BuildFailure } from '@darkroom/testing/go/failure';
import { ExecError } from '../cluster/exec.ts';
import { ApiError } from '../promotion/api-error.ts';
import { CommandFailure } from './command-failure.ts';
import { Interrupted } from './interrupted.ts';

export { CommandFailure } from './command-failure.ts';

/** The exit codes of every command; one that a signal ends has those of `interrupted.ts`. */
const exitCodes = { done: 0, failed: 1, usage: 2 } as const;

/** The command line itself is wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Whether no Darkroom answered at all: what one refuses carries its reason as data. */
export const isUnreachable = (error: unknown): boolean =>
  error instanceof UnreachableError || (error instanceof TRPCClientError && error.data == null);

/** `fetch failed` says little; what caused it says more. */
export function reasonOf(error: Error): string {
  const cause = error.cause instanceof AggregateError ? error.cause.errors[0] : error.cause;
  return cause instanceof Error ? reasonOf(cause) : error.message;
}

type Explained = { message: string; exitCode: number };

/** What to tell the user about an error, and how to exit. */
export function explain(error: unknown): Explained {
  if (error instanceof UsageError) {
    return {
      message: `${error.message}\nAdd --help to see what may be given.`,
      exitCode: exitCodes.usage,
    };
  }
  if (error instanceof Interrupted) return { message: error.message, exitCode: error.exitCode };
  if (error instanceof TRPCClientError) return explainAnswer(error as TRPCClientError<AppRouter>);
  if (error instanceof DarkroomError) {
    const exitCode = error.kind === 'request' ? exitCodes.usage : exitCodes.failed;
    return { message: error.message, exitCode };
  }
  if (
    error instanceof CommandFailure ||
    error instanceof UnreachableError ||
    error instanceof BuildFailure ||
    error instanceof ExecError ||
    error instanceof ApiError ||
    isModelError(error)
  ) {
    return { message: error.message, exitCode: exitCodes.failed };
  }
  const what = error instanceof Error ? error.message : String(error);
  return { message: `unexpected: ${what}; please report it`, exitCode: exitCodes.failed };
}

/** By its name, for its class comes with the engine, which few commands load. */
const isModelError = (error: unknown): error is Error =>
  error instanceof Error && error.name === 'ModelError';

function explainAnswer(error: TRPCClientError<AppRouter>): Explained {
  if (isUnreachable(error)) {
    return {
      message: `the connection to Darkroom failed (${reasonOf(error)}); check that it still runs and try again`,
      exitCode: exitCodes.failed,
    };
  }
  switch (error.data?.code) {
    case 'BAD_REQUEST':
    case 'PAYLOAD_TOO_LARGE':
      return { message: error.message, exitCode: exitCodes.usage };
    case 'UNAUTHORIZED':
      return {
        message: `${error.message}; the command line takes it from DARKROOM_API_KEY`,
        exitCode: exitCodes.failed,
      };
    default:
      return { message: error.message, exitCode: exitCodes.failed };
  }
}
