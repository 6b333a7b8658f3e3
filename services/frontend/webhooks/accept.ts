import { DarkroomError } from '@darkroom/contract';
import type { WebhookSettings } from './settings.ts';
import { parseTarget } from './target.ts';

/**
 * Whether a tenant may have a generation's end told to that URL.
 *
 * @throws DarkroomError `request`
 */
export function acceptWebhook(
  url: string,
  tenant: string,
  settings: WebhookSettings | undefined,
): string {
  if (settings === undefined || settings.secrets(tenant).length === 0) {
    throw new DarkroomError(
      'request',
      'webhook: there is no secret to sign your webhooks with, and unsigned ones are not sent; ' +
        'ask the operator of this service for one (WEBHOOK_SECRETS_FILE)',
    );
  }
  return parseTarget(url, settings).href;
}
