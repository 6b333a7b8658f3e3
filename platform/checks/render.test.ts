import { beforeAll, expect, test } from 'vitest';
import { darkroom } from '../../scripts/commands/testing/darkroom.ts';
import { nameOf, parseManifests } from '../../scripts/render/manifest.ts';
import { findTool } from '../../scripts/render/tools.ts';

// So that the command need not say that it builds it.
beforeAll(() => findTool('kustomize'));

test('render prints one layer of an environment, with every field as it would be applied', async () => {
  const { code, stdout, stderr } = await darkroom(['render', 'kind', '--layer', 'apps']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const names = parseManifests(stdout).map(nameOf);
  expect(names).toContain('Deployment darkroom/worker-pinhole');
  expect(names).not.toContain('StatefulSet darkroom-data/rabbitmq');
});

test('render says which environments there are', async () => {
  const { code, stderr } = await darkroom(['render', 'moon']);
  expect(code).toBe(2);
  expect(stderr).toContain('"kind", "staging", "production"');
});
