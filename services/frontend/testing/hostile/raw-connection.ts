import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A connection on which a test writes whatever it likes. */
export type RawConnection = {
  socket: Socket;
  /** All that was answered until now. */
  answered(): string;
  /** Resolves when the connection is over, however it ended, to what was answered. */
  ended: Promise<string>;
};

export async function connectRaw(origin: string): Promise<RawConnection> {
  const { hostname, port } = new URL(origin);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  // A server that hangs up on what it has not read resets the connection.
  socket.on('error', () => {});
  const ended = new Promise<string>((resolve) => socket.on('close', () => resolve(text)));
  return { socket, answered: () => text, ended };
}
