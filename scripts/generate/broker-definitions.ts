// `node scripts/run.js scripts/generate/broker-definitions.ts`: writes the topology that RabbitMQ loads
// at its start, for the models of platform/models.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brokerDefinitions } from '@darkroom/messaging';
import { repository } from '../repository.ts';
import { platformModels } from './platform-models.ts';

await writeFile(
  join(repository, 'platform/infrastructure/rabbitmq/definitions.json'),
  `${JSON.stringify(brokerDefinitions(await platformModels()), null, 2)}\n`,
);
