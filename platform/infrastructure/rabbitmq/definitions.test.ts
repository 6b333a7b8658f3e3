import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { brokerDefinitions } from '@darkroom/messaging';
import { expect, test } from 'vitest';
import { platformModels } from '../../../scripts/generate/platform-models.ts';

test('the committed topology is what messaging declares for the models of the platform', async () => {
  const file = fileURLToPath(new URL('definitions.json', import.meta.url));
  const models = await platformModels();
  expect(models.map(({ name }) => name)).toContain('pinhole');
  expect(
    JSON.parse(await readFile(file, 'utf8')),
    'another catalogue or topology: run scripts/generate/broker-definitions.ts',
  ).toEqual(brokerDefinitions(models));
});
