import { onSignals } from '@darkroom/lifecycle';
import { type CliConfig, readConfig } from './config.ts';
import { explain } from './failure.ts';
import { exitCodeOf, Interrupted } from './interrupted.ts';

export type Context = {
  config: CliConfig;
  /** Aborts on Ctrl-C and SIGTERM. */
  signal: AbortSignal;
  /** The result, for people or programs. */
  print(text: string): void;
  /** What happens meanwhile, and what went wrong. */
  note(text: string): void;
};

export type Command = (context: Context) => Promise<void>;

/**
 * Runs a command as this process: first Ctrl-C asks it to stop, a second one ends it at once; any
 * error becomes a message on stderr and an exit code, never a stack trace. A command that a signal
 * keeps from its end exits as if the signal had ended it, whatever error came of that.
 */
export async function runCommand(command: Command): Promise<void> {
  const abort = new AbortController();
  const takeAway = onSignals({
    graceful: (signal) => abort.abort(new Interrupted(signal)),
    forceful: (signal) => process.exit(exitCodeOf(signal)),
  });
  try {
    await command({
      config: readConfig(),
      signal: abort.signal,
      print: (text) => process.stdout.write(`${text}\n`),
      note: (text) => process.stderr.write(`${text}\n`),
    });
  } catch (error) {
    const isFollowUp = abort.signal.aborted && !(error instanceof Interrupted);
    const { message, exitCode } = explain(isFollowUp ? abort.signal.reason : error);
    process.stderr.write(`darkroom: ${message}\n`);
    process.exitCode = exitCode;
  } finally {
    takeAway();
  }
}
