import { setTimeout as wait } from 'node:timers/promises';
import { DarkroomError } from '@darkroom/contract';
import type { Logger } from '@darkroom/lifecycle';
import { anonymousCallers, type Callers, keyedCallers } from './callers.ts';
import { type KeysFile, readKeysFile } from './keys-file.ts';

/**
 * Callers as the environment says, the keys file read anew whenever it changes. Its content is
 * looked at, not its times: a mounted Kubernetes Secret swaps a link. A file that has become bad
 * is logged and leaves the keys as they were.
 *
 * @throws DarkroomError `configuration` when the file is bad from the beginning, or when neither
 *   keys nor anonymous callers are configured
 */
export async function openCallers(options: {
  file: string | undefined;
  anonymous: boolean;
  logger: Logger;
  /** Between two looks at the file. */
  intervalMs?: number;
}): Promise<Callers & { stop(): Promise<void> }> {
  const { file, anonymous, logger, intervalMs = 1_000 } = options;
  if (file === undefined) {
    if (!anonymous) throw noCallers();
    return { ...anonymousCallers(), stop: async () => {} };
  }
  const callers = keyedCallers({ anonymous });
  let { text, content } = await readKeysFile(file);
  callers.use(content);
  const tell = ({ keys }: KeysFile) => logger.info({ keys: keys.length }, 'API keys read');
  tell(content);

  const stopping = new AbortController();
  let complaint: string | undefined;
  const look = async () => {
    try {
      const next = await readKeysFile(file);
      if (next.text !== text) {
        ({ text, content } = next);
        callers.use(content);
        tell(content);
      }
      complaint = undefined;
    } catch (error) {
      const { message } = error as Error;
      // Once, not every second.
      if (message !== complaint) logger.error({ err: error }, 'the API keys stay as they were');
      complaint = message;
    }
  };
  const run = async () => {
    while (!stopping.signal.aborted) {
      await wait(intervalMs, undefined, { signal: stopping.signal }).catch(() => {});
      callers.expire();
      await look();
    }
  };
  const running = run();
  return {
    identify: callers.identify,
    limitsOf: callers.limitsOf,
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

const noCallers = () =>
  new DarkroomError(
    'configuration',
    'nobody may call: set API_KEYS_FILE to a file of keys (`darkroom keys create` makes them), ' +
      'or ALLOW_ANONYMOUS=1 where whoever reaches this address may ask and see everything',
  );
