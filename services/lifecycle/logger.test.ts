import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { createLogger } from './logger.ts';

function logged(write: (logger: ReturnType<typeof createLogger>) => void) {
  const lines: string[] = [];
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk));
      done();
    },
  });
  write(createLogger({ name: 'frontend', level: 'info', destination }));
  return lines;
}

it('writes one JSON document a line with time, level, name and fields', () => {
  const [line = '', ...rest] = logged((logger) => {
    logger.debug('not at this level');
    logger.info({ generation: 'g1' }, 'queued');
  });
  expect(rest).toEqual([]);
  expect(JSON.parse(line)).toMatchObject({
    level: 'info',
    name: 'frontend',
    generation: 'g1',
    msg: 'queued',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
  });
});

it('keeps secrets out: fields that hold them, and passwords in URLs of any text', () => {
  const lines = logged((logger) => {
    logger.info({ req: { headers: { authorization: 'Bearer hunter2' } } }, 'request');
    logger.info({ password: 'hunter2' }, 'login');
    logger.error({ err: new Error('connect to amqp://user:hunter2@host:5672/x failed') }, 'broker');
  });
  expect(lines).toHaveLength(3);
  expect(lines.join('')).not.toContain('hunter2');
  expect(lines[2]).toContain('amqp://user:[redacted]@host:5672/x');
});
