import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type Logger, listenError } from '@darkroom/lifecycle';
import { z } from 'zod';
import type { DeviceFiles } from './devices/device-files.ts';
import type { Device, Devices } from './devices/devices.ts';

export type ControlServer = { port: number; close(): Promise<void> };

const healthInput = z.strictObject({
  healthy: z.boolean(),
  xid: z.int().min(1).max(999).optional(),
});
const presenceInput = z.strictObject({ present: z.boolean() });

/** Says what is wrong with a request, by HTTP's status. */
class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Lets tests break devices: `GET /devices`, `POST /devices/ID/health {"healthy":false}` and
 * `POST /devices/ID/presence {"present":false}`. Whoever reaches it may: it asks for no key.
 *
 * @param options.port 0 takes a free one
 * @throws DarkroomError (`configuration`) when the port cannot be listened on
 */
export async function startControlServer(options: {
  host: string;
  port: number;
  devices: Devices;
  files: DeviceFiles;
  logger: Logger;
}): Promise<ControlServer> {
  const { host, port, devices, files, logger } = options;

  const change = async (device: Device, what: string, body: string): Promise<object> => {
    if (what === 'health') {
      const { healthy, xid } = parse(healthInput, body);
      logger.info({ device: device.id, healthy }, 'health set');
      return devices.setHealth(device, healthy, xid);
    }
    const { present } = parse(presenceInput, body);
    logger.info({ device: device.id, present }, 'presence set');
    await files.setPresent(device.id, present);
    return { id: device.id, index: device.index, present };
  };

  const answer = async (request: IncomingMessage): Promise<object> => {
    const path = request.url?.split('?')[0] ?? '';
    if (request.method === 'GET' && path === '/devices') return { devices: devices.list() };
    const [, name, what] = /^\/devices\/([^/]+)\/(health|presence)$/.exec(path) ?? [];
    if (request.method !== 'POST' || name === undefined || what === undefined) {
      throw new Refusal(404, 'there are GET /devices, POST /devices/ID/health and /presence');
    }
    const device = devices.find(decodeURIComponent(name));
    if (device === undefined) {
      const ids = devices.list().map(({ id }) => id);
      throw new Refusal(404, `this node has no device ${name}; it has ${ids.join(', ')}`);
    }
    return await change(device, what, await text(request));
  };

  const server = createServer((request, response) => {
    answer(request).then(
      (body) => sendJson(response, 200, body),
      (error: Error) => {
        const status = error instanceof Refusal ? error.status : 500;
        if (status === 500) logger.error({ err: error }, 'a change of a device failed');
        sendJson(response, status, { message: error.message });
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    const variable = 'CONTROL_PORT';
    server.once('error', (error) => reject(listenError(error, { host, port, variable })));
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function parse<Schema extends z.ZodType>(schema: Schema, body: string): z.output<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new Refusal(400, 'the body must be JSON, for example {"healthy":false}');
  }
  const result = schema.safeParse(value);
  if (!result.success) throw new Refusal(400, z.prettifyError(result.error));
  return result.data;
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
