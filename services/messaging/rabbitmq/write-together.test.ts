import { once } from 'node:events';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { writeTogether } from './write-together.ts';

/** Keeps what each system call would carry. */
function countingStream() {
  const calls: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      calls.push(String(chunk));
      done();
    },
    writev(chunks, done) {
      calls.push(chunks.map(({ chunk }) => String(chunk)).join('+'));
      done();
    },
  });
  writeTogether(stream);
  return { stream, calls };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('what is written in one turn leaves in one call, in its order', async () => {
  const { stream, calls } = countingStream();
  for (const message of ['a', 'b', 'c']) stream.write(Buffer.from(message));
  await turn();
  stream.write(Buffer.from('d'));
  await turn();
  expect(calls).toEqual(['a+b+c', 'd']);
});

test('what is written just before the end leaves still', async () => {
  const { stream, calls } = countingStream();
  stream.write(Buffer.from('a'));
  stream.write(Buffer.from('b'));
  stream.end();
  await once(stream, 'finish');
  expect(calls).toEqual(['a+b']);
});

test('a full stream says so, and drains', async () => {
  const { stream } = countingStream();
  expect(stream.write(Buffer.alloc(stream.writableHighWaterMark))).toBe(false);
  await once(stream, 'drain');
});
