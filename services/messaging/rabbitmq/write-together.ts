import type { Writable } from 'node:stream';

/**
 * Has what is written in one turn of the event loop leave together. amqplib writes each message by
 * itself, which is a system call each and wakes the broker each time: of a burst of creates it took
 * more time than all else that publishing does.
 */
export function writeTogether(stream: Writable): void {
  const write: (chunk: Buffer) => boolean = stream.write.bind(stream);
  stream.write = (chunk: Buffer): boolean => {
    if (stream.writableCorked === 0) {
      stream.cork();
      process.nextTick(() => stream.uncork());
    }
    return write(chunk);
  };
}
