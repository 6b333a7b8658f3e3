import { rm } from 'node:fs/promises';
import { withTimeLimit } from '@darkroom/timing';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { DevicePluginService } from './device-plugin-service.ts';
import { devicePluginServices } from './protocol.ts';
import { type SocketIdentity, socketIdentity } from './socket-identity.ts';

/** How long calls in hand may take once the server closes. */
const GRACE_MS = 1_000;

export type PluginServer = {
  /** Of the socket that it listens on. */
  readonly socket: SocketIdentity | undefined;
  /**
   * Ends the streams and removes the socket, by its path: what another server has bound there
   * meanwhile would be removed as well, so close the old server before the next is bound.
   */
  close(): Promise<void>;
};

/**
 * Serves the plugin at a socket. A file that a killed process left there is removed first.
 *
 * @throws Error when it cannot listen there, as while the folder is not there
 */
export async function startPluginServer(
  path: string,
  service: DevicePluginService,
): Promise<PluginServer> {
  await rm(path, { force: true });
  const server = new Server();
  server.addService(devicePluginServices().DevicePlugin.service, service.handlers);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${path}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return {
    socket: await socketIdentity(path),
    close: async () => {
      service.endWatches();
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      const late = () => new Error('calls are still in hand');
      await withTimeLimit(closed, { ms: GRACE_MS, late }).catch(() => server.forceShutdown());
      await closed;
    },
  };
}
