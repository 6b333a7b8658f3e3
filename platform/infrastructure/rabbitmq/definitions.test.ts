import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { loadCatalogue } from '@darkroom/lifecycle';
import { brokerDefinitions } from '@darkroom/messaging';
import { expect, test } from 'vitest';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

test('the committed topology is what messaging declares for the models of the platform', async () => {
  const committed = JSON.parse(await readFile(here('definitions.json'), 'utf8'));
  const { models } = await loadCatalogue(here('../../models/pinhole/model.json'));
  expect(
    committed,
    'another catalogue or topology: MODELS=platform/models npm run -s darkroom -- definitions > ' +
      'platform/infrastructure/rabbitmq/definitions.json',
  ).toEqual(brokerDefinitions(models));
});
