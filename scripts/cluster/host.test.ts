import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { isFree, requirePorts } from './host.ts';
import { clusterNames } from './names.ts';

async function taken(): Promise<number> {
  const server = createServer();
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on no port');
  return address.port;
}

test('a port on which a program listens is not free', async () => {
  expect(await isFree(await taken())).toBe(false);
});

test('a cluster whose port is taken is refused, with the option that gives it another', async () => {
  const port = await taken();
  const names = clusterNames({ name: 'absent', port, registryPort: 0 });
  await expect(requirePorts(names, { registryRuns: true })).rejects.toThrow(
    new RegExp(`port ${port}.*API.*--port`),
  );
});

test("a registry that runs holds its port itself; another program's is refused", async () => {
  const registryPort = await taken();
  const names = clusterNames({ name: 'absent', port: 0, registryPort });
  await requirePorts(names, { registryRuns: true });
  await expect(requirePorts(names, { registryRuns: false })).rejects.toThrow(/--registry-port/);
});
