import type { Logger } from '@darkroom/lifecycle';
import { followWebhookSecrets, type WebhookSecrets } from './secrets.ts';
import type { TargetPolicy } from './target.ts';

/** Who may ask for webhooks, and where they may be sent. */
export type WebhookSettings = TargetPolicy & { secrets: WebhookSecrets };

/**
 * Reads the settings of webhooks. Without a file of secrets no webhooks are accepted.
 *
 * @throws DarkroomError (`configuration`)
 */
export async function readWebhookSettings(options: {
  file: string | undefined;
  allowPrivate: boolean;
  ports: readonly number[] | undefined;
  logger: Logger;
}): Promise<(WebhookSettings & { stop(): Promise<void> }) | undefined> {
  const { file, allowPrivate, ports, logger } = options;
  if (file === undefined) return undefined;
  if (allowPrivate) {
    logger.warn(
      'webhooks are also sent over http, to private addresses and to any port: use this for development only',
    );
  }
  return { ...(await followWebhookSecrets({ file, logger })), allowPrivate, ports };
}
