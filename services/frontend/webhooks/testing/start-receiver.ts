import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Generation } from '@darkroom/contract';
import { Webhook } from 'standardwebhooks';

export const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

export type Received = {
  id: string | undefined;
  /** As the reference library verified it; an error where it refused. */
  message: { type: string; timestamp: string; data: Generation } | Error;
};

/**
 * A receiver as its owner would write it, on loopback.
 *
 * @param answer to the message of that number, from 1; a status, or what it does with the response
 */
export async function startReceiver(
  secret: string,
  answer: (number: number) => number | ((response: ServerResponse) => void) = () => 204,
) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const headers = request.headers as Record<string, string>;
    let message: Received['message'];
    try {
      message = new Webhook(secret).verify(body, headers) as typeof message;
    } catch (error) {
      message = error as Error;
    }
    received.push({ id: headers['webhook-id'], message });
    const how = answer(received.length);
    if (typeof how === 'number') response.writeHead(how).end();
    else how(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
