import { DarkroomError } from '@darkroom/contract';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { loadConfig } from './load-config.ts';
import { credentialsTogether, variables } from './variables.ts';

const schema = z
  .object({
    PORT: variables.PORT,
    AMQP_URL: variables.AMQP_URL,
    DATABASE_URL: variables.DATABASE_URL,
    LOG_LEVEL: variables.LOG_LEVEL,
    AWS_ACCESS_KEY_ID: variables.AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: variables.AWS_SECRET_ACCESS_KEY,
  })
  .refine(...credentialsTogether);

const good = { AMQP_URL: 'amqp://u:p@host', DATABASE_URL: 'postgres://u:p@host/darkroom' };

function problemsOf(env: Record<string, string>): string {
  try {
    loadConfig(schema, env);
  } catch (error) {
    expect(error).toBeInstanceOf(DarkroomError);
    expect((error as DarkroomError).kind).toBe('configuration');
    return (error as DarkroomError).message;
  }
  return expect.fail('the configuration was accepted');
}

it('reads the variables into their types, with defaults for those not set', () => {
  expect(loadConfig(schema, { ...good, PORT: '9000', UNRELATED: 'x' })).toEqual({
    ...good,
    PORT: 9000,
    LOG_LEVEL: 'info',
  });
  expect(loadConfig(schema, { ...good, PORT: '' }).PORT).toBe(8080);
});

it('reports every problem together, each with its variable, what is wrong and an example', () => {
  const message = problemsOf({ PORT: 'eighty', DATABASE_URL: 'mysql://host', LOG_LEVEL: 'loud' });
  const lines = message.split('\n');
  expect(lines[0]).toBe('4 environment variables are missing or wrong:');
  expect(message).toMatch(/^ {2}PORT: must be a whole number.*for example PORT=8080/m);
  expect(message).toMatch(/^ {2}AMQP_URL: missing.*for example AMQP_URL=amqp:\/\//m);
  expect(message).toMatch(/^ {2}DATABASE_URL: must be a postgres:\/\/ URL.*for example/m);
  expect(message).toMatch(/^ {2}LOG_LEVEL: must be a log level.*for example LOG_LEVEL=info/m);
  expect(lines.at(-1)).toBe('Set them and start again.');
});

it.each(['-1', '65536', '80.5', '1e3', 'NaN'])('refuses the port %s', (port) => {
  expect(problemsOf({ ...good, PORT: port })).toContain('PORT: must be a whole number');
});

it('reports a missing half of the credentials beside the other problems', () => {
  const message = problemsOf({ AMQP_URL: 'x', AWS_ACCESS_KEY_ID: 'id' });
  expect(message).toContain('3 environment variables');
  expect(message).toContain('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together');
});

it('never repeats a value, which may be a secret', () => {
  const message = problemsOf({
    AMQP_URL: 'http://user:hunter2@host',
    DATABASE_URL: 'hunter2',
    AWS_SECRET_ACCESS_KEY: 'hunter2',
  });
  expect(message).not.toContain('hunter2');
});
