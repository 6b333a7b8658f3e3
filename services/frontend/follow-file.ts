import type { Logger } from '@darkroom/lifecycle';
import { sleep } from '@darkroom/timing';

/**
 * Takes a file's content over, and again whenever it changes. Its content is looked at, not its
 * times: a mounted Kubernetes Secret swaps a link. A file that has become bad is logged and leaves
 * what was taken over as it was.
 *
 * @throws what `read` throws the first time
 */
export async function followFile<Content>(options: {
  read: () => Promise<{ text: string; content: Content }>;
  use: (content: Content) => void;
  /** Logged when the file has become bad, such as `the keys stay as they were`. */
  complaint: string;
  logger: Logger;
  /** Between two looks. */
  intervalMs?: number | undefined;
  /** Before each look. */
  tick?: () => void;
}): Promise<{ stop(): Promise<void> }> {
  const { read, use, complaint, logger, intervalMs = 1_000, tick } = options;
  let { text, content } = await read();
  use(content);

  const stopping = new AbortController();
  let told: string | undefined;
  const look = async () => {
    try {
      const next = await read();
      if (next.text !== text) {
        ({ text, content } = next);
        use(content);
      }
      told = undefined;
    } catch (error) {
      const { message } = error as Error;
      // Once, not every second.
      if (message !== told) logger.error({ err: error }, complaint);
      told = message;
    }
  };
  const run = async () => {
    while (!stopping.signal.aborted) {
      await sleep(intervalMs, stopping.signal);
      tick?.();
      await look();
    }
  };
  const running = run();
  return {
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}
