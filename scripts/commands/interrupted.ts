import type { DarkroomClient, Generation } from '@darkroom/client/source';

type StopSignal = 'SIGINT' | 'SIGTERM';

/** The exit codes of programs that these signals end, as shells tell them. */
const codes: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };

export const exitCodeOf = (signal: string): number => codes[signal as StopSignal] ?? 1;

/** Ctrl-C or SIGTERM came before the command was done; the message says what becomes of its work. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly exitCode: number;
  readonly signal: string;

  constructor(signal: string, fate?: string) {
    super(`interrupted by ${signal}${fate === undefined ? '' : `: ${fate}`}`);
    this.signal = signal;
    this.exitCode = exitCodeOf(signal);
  }
}

/** The same error where the signal is not what it came from, else one that says what happens next. */
export const interruptedBy = (signal: AbortSignal, error: unknown, fate: string): unknown =>
  signal.aborted && signal.reason instanceof Interrupted
    ? new Interrupted(signal.reason.signal, fate)
    : error;

/**
 * What becomes of a generation whose cancel was asked for.
 *
 * @param asked undefined where the service has not answered the request
 */
export async function fateOf(
  client: DarkroomClient,
  asked: Pick<Generation, 'id'> | undefined,
): Promise<string> {
  if (asked === undefined) {
    return 'the service has confirmed no request; should one have arrived, `darkroom jobs list` shows it';
  }
  const { id } = asked;
  try {
    const { state, cancelRequested } = await client.generations.get.query({ id });
    if (state === 'canceled' || cancelRequested) return `generation ${id} is canceled`;
    if (state === 'succeeded' || state === 'failed') return `generation ${id} has ${state}`;
  } catch {
    // The service is out of reach, so nobody knows.
  }
  return goesOn(id);
}

export const goesOn = (id: string): string =>
  `generation ${id} goes on; \`darkroom jobs cancel ${id}\` stops it`;
