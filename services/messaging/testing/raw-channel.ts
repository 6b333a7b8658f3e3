import { type Channel, connect } from 'amqplib';

/** A channel of the tests' own beside the broker's, to look behind it. */
export async function openRawChannel(url: string): Promise<AsyncDisposable & { channel: Channel }> {
  const connection = await connect(url);
  connection.on('error', () => {});
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  return { channel, [Symbol.asyncDispose]: () => connection.close() };
}
