import { loadCatalogue } from '@darkroom/lifecycle';
import { brokerDefinitions } from '@darkroom/messaging';
import { pinhole } from '@darkroom/pinhole';
import type { Context } from './run-command.ts';

/** What RabbitMQ loads before the services come (`load_definitions`), for the catalogue `MODELS`. */
export async function definitions({ vhost }: { vhost: string }, context: Context): Promise<void> {
  const { models } = await loadCatalogue(context.config.embedded.models ?? pinhole.catalogue);
  context.print(JSON.stringify(brokerDefinitions(models, { vhost }), null, 2));
}
