import { join } from 'node:path';
import type { Logger } from '@darkroom/lifecycle';
import { createBackoff, sleep } from '@darkroom/timing';
import type { DeviceFiles } from '../devices/device-files.ts';
import type { Devices } from '../devices/devices.ts';
import { createDevicePluginService, OPTIONS } from './device-plugin-service.ts';
import { type PluginServer, startPluginServer } from './plugin-server.ts';
import { createCaller, devicePluginServices, RESOURCE_NAME } from './protocol.ts';
import { isSameSocket, type SocketIdentity, socketIdentity } from './socket-identity.ts';

const SOCKET = 'darkroom-gpu-simulator.sock';
/** A look is two `stat`s. It needs no inotify instance, of which a node's containers share few. */
const LOOK_EVERY_MS = 250;
/** After registering, the kubelet asks for the devices at once. */
const WATCHED_WITHIN_MS = 10_000;

export type Plugin = {
  /** Whether a kubelet has accepted the plugin and watches its devices. */
  isReady(): boolean;
  /** Ends what the kubelet watches and removes the socket. */
  stop(): Promise<void>;
};

/**
 * Serves the devices to the kubelet and registers them; again whenever that kubelet is gone or has
 * forgotten them, for as long as it takes.
 *
 * @param options.folder of the kubelet's socket; the kubelet removes every socket in it as it starts
 */
export function startPlugin(options: {
  folder: string;
  devices: Devices;
  files: DeviceFiles;
  logger: Logger;
}): Plugin {
  const { folder, devices, files, logger } = options;
  const ownSocket = join(folder, SOCKET);
  const kubeletSocket = join(folder, 'kubelet.sock');
  const service = createDevicePluginService({ devices, files, logger });
  const stop = new AbortController();
  const backoff = createBackoff({ firstMs: 100, longestMs: 1_000 });
  let registered = false;
  let trouble: string | undefined;

  /** From one registration to the reason for the next. */
  const serve = async (): Promise<void> => {
    const server = await startPluginServer(ownSocket, service);
    try {
      // Before it is spoken to: one that is replaced meanwhile is seen to have changed.
      const kubelet = await socketIdentity(kubeletSocket);
      await register(kubeletSocket);
      registered = true;
      trouble = undefined;
      backoff.reset();
      logger.info({ resource: RESOURCE_NAME }, 'registered with the kubelet');
      const reason = await lost(server, kubelet);
      if (reason !== undefined) logger.warn({ reason }, 'registering again');
    } finally {
      registered = false;
      await server.close();
    }
  };

  /** Waits until the registration is worth nothing; undefined when the plugin stops before. */
  const lost = async (
    server: PluginServer,
    kubelet: SocketIdentity | undefined,
  ): Promise<string | undefined> => {
    const watchedBy = performance.now() + WATCHED_WITHIN_MS;
    let watched = false;
    while (!stop.signal.aborted) {
      if (!isSameSocket(await socketIdentity(ownSocket), server.socket)) {
        return "the plugin's socket was removed";
      }
      if (!isSameSocket(await socketIdentity(kubeletSocket), kubelet)) {
        return 'the kubelet has another socket';
      }
      if (service.watches() > 0) watched = true;
      else if (watched) return 'the kubelet has ended its watch';
      else if (performance.now() > watchedBy) return 'the kubelet does not watch the devices';
      await sleep(LOOK_EVERY_MS, stop.signal);
    }
    return undefined;
  };

  const run = async () => {
    while (!stop.signal.aborted) {
      try {
        await serve();
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        // Once for each reason: a kubelet may be away for long.
        if (reason !== trouble) logger.warn({ reason }, 'cannot register with the kubelet yet');
        trouble = reason;
        await backoff.wait(stop.signal);
      }
    }
  };
  const running = run();

  return {
    isReady: () => registered && service.watches() > 0,
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

async function register(kubeletSocket: string): Promise<void> {
  const kubelet = createCaller(devicePluginServices().Registration, kubeletSocket);
  try {
    await kubelet.call('Register', {
      version: 'v1beta1',
      endpoint: SOCKET,
      resource_name: RESOURCE_NAME,
      options: OPTIONS,
    });
  } finally {
    kubelet.close();
  }
}
