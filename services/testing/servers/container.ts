import {
  GenericContainer,
  getContainerRuntimeClient,
  Wait,
  type WaitStrategy,
} from 'testcontainers';
import { failedImages } from './config.ts';
import { freePort } from './program.ts';
import { type Server, say } from './server.ts';

export type ContainerRecipe = {
  image: string;
  /** Ports inside the container; each gets a fixed port of this host, so that a restart keeps it. */
  ports: readonly number[];
  environment?: Record<string, string>;
  command?: string[];
  /** When it is ready; as soon as its ports listen unless told otherwise. */
  ready?: WaitStrategy;
};

export type StartedContainer = {
  server: Server;
  host: string;
  ports: number[];
  /** Runs a command inside and returns its output. */
  run(...command: string[]): Promise<string>;
};

/**
 * Starts a container where Docker answers and has or can pull the image; undefined where not. An image
 * that could not be started is not tried again in this run.
 * Testcontainers' reaper removes it when this process ends without doing so.
 */
export async function startContainer(
  recipe: ContainerRecipe,
): Promise<StartedContainer | undefined> {
  if (failedImages.has(recipe.image)) return undefined;
  const client = await getContainerRuntimeClient().catch(() => undefined);
  if (client === undefined) return undefined;
  const ports = await Promise.all(recipe.ports.map(() => freePort()));
  try {
    const container = await new GenericContainer(recipe.image)
      .withExposedPorts(
        ...recipe.ports.map((port, i) => ({ container: port, host: ports[i] ?? 0 })),
      )
      .withEnvironment(recipe.environment ?? {})
      .withCommand(recipe.command ?? [])
      .withWaitStrategy(recipe.ready ?? Wait.forListeningPorts())
      .withStartupTimeout(120_000)
      .start();
    const handle = client.container.getById(container.getId());
    const server: Server = {
      origin: 'container',
      async kill() {
        await handle.kill();
      },
      async start() {
        await handle.start();
      },
      async stop() {
        await container.stop({ timeout: 0 });
      },
    };
    const run = async (...command: string[]): Promise<string> => {
      const { exitCode, output } = await container.exec(command);
      if (exitCode !== 0) throw new Error(`${command.join(' ')}: exit code ${exitCode}\n${output}`);
      return output;
    };
    return { server, host: container.getHost(), ports, run };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    failedImages.add(recipe.image);
    say(
      `Docker answers but ${recipe.image} does not start (${reason}); this run uses an installed program`,
    );
    return undefined;
  }
}
