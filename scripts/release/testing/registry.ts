import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { onTestFinished, type TestContext } from 'vitest';
import { findProgram } from '../../cluster/offline/build-program.ts';
import { type Crane, createCrane } from '../artifact/crane.ts';

/** A registry of a test, and what speaks to it. */
type TestRegistry = {
  /** `HOST:PORT` */
  address: string;
  crane: Crane;
  /** The path of crane. */
  program: string;
};

/**
 * Serves a registry until the test ends. A test is skipped, and says so, where crane is not built.
 *
 * @param disk the folder where its blobs lie, as `sha256/HEX`
 */
export async function serveRegistry(disk: string, { skip }: TestContext): Promise<TestRegistry> {
  const program =
    (await findProgram('crane')) ??
    skip('crane is not built on this machine; `darkroom release push` builds it');
  const server = spawn(program, ['registry', 'serve', '--address', '127.0.0.1:0', '--disk', disk], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(server, 'exit');
  onTestFinished(async () => {
    server.kill();
    await ended;
  });
  for await (const line of createInterface({ input: server.stderr })) {
    const port = line.match(/serving on port (\d+)/)?.[1];
    if (port === undefined) continue;
    server.stderr.resume();
    return { address: `127.0.0.1:${port}`, crane: createCrane(program), program };
  }
  throw new Error('the registry ended before it served');
}
