import { DarkroomError } from '@darkroom/contract';
import type { Logger } from '@darkroom/lifecycle';
import { followFile } from '../follow-file.ts';
import { anonymousCallers, type Callers, keyedCallers } from './callers.ts';
import { readKeysFile } from './keys-file.ts';

/**
 * Callers as the environment says, the keys file read again whenever it changes.
 *
 * @throws DarkroomError `configuration` when the file is bad from the beginning, or when neither
 *   keys nor anonymous callers are configured
 */
export async function startCallers(options: {
  file: string | undefined;
  anonymous: boolean;
  logger: Logger;
  /** Between two looks at the file. */
  intervalMs?: number;
}): Promise<Callers & { stop(): Promise<void> }> {
  const { file, anonymous, logger } = options;
  if (anonymous) logger.info('callers need no API key');
  if (file === undefined) {
    if (!anonymous) throw noCallers();
    return { ...anonymousCallers(), stop: async () => {} };
  }
  const callers = keyedCallers({ anonymous });
  const { stop } = await followFile({
    read: () => readKeysFile(file),
    use: (content) => {
      callers.use(content);
      logger.info({ keys: content.keys.length }, 'API keys read');
    },
    complaint: 'the API keys stay as they were',
    logger,
    intervalMs: options.intervalMs,
    tick: callers.expire,
  });
  return { identify: callers.identify, limitsOf: callers.limitsOf, stop };
}

const noCallers = () =>
  new DarkroomError(
    'configuration',
    'nobody may call: set API_KEYS_FILE to a file of keys (`darkroom keys create` makes them), ' +
      'or ALLOW_ANONYMOUS=1 where whoever reaches this address may ask and see everything',
  );
