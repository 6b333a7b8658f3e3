import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repository } from '../repository.ts';
import { readVendored, writeVendored } from './vendored-file.ts';

test('a vendored file that was changed by hand is told from one that was not', () => {
  const vendored = { origin: 'a module', license: 'Apache-2.0', body: 'kind: Service\n' };
  const text = writeVendored(vendored);
  expect(readVendored(text)).toEqual(vendored);
  expect(() => readVendored(text.replace('Service', 'Pod'))).toThrow(/changed by hand/);
  expect(() => readVendored(vendored.body)).toThrow(/begins with its origin/);
});

test.each(['keda', 'metrics-server'])('%s is as its authors publish it', async (name) => {
  const file = join(repository, 'platform/infrastructure', name, 'upstream.yaml');
  expect(readVendored(await readFile(file, 'utf8')).origin).toContain(name);
});
