import { expect, it } from 'vitest';
import { builtInCatalogue } from './testing/start-frontend.ts';
import { startProcess } from './testing/start-process.ts';

/** Servers that nobody runs: port 1 refuses connections. */
const nowhere = {
  AMQP_URL: 'amqp://user:hunter2@127.0.0.1:1',
  DATABASE_URL: 'postgres://user:hunter2@127.0.0.1:1/darkroom',
  S3_ENDPOINT: 'http://127.0.0.1:1',
  S3_BUCKET: 'darkroom',
  MODELS: builtInCatalogue,
  ALLOW_ANONYMOUS: '1',
};

/** What a start says that fails: exit code 1, no stack trace, no secret. */
async function failureOf(env: Record<string, string>): Promise<string> {
  const started = startProcess(env);
  expect(await started.ended).toBe(1);
  const output = started.output();
  expect(output).toMatch(/^darkroom frontend: /m);
  expect(output).not.toMatch(/^\s+at .+:\d+/m);
  expect(output).not.toContain('hunter2');
  return output;
}

it('reports everything that is missing from its environment together', async () => {
  const output = await failureOf({});
  expect(output).toContain('6 environment variables are missing or wrong:');
  for (const name of ['DATABASE_URL', 'AMQP_URL', 'S3_ENDPOINT', 'S3_BUCKET', 'MODELS']) {
    expect(output).toMatch(new RegExp(`^  ${name}: missing .*for example ${name}=`, 'm'));
  }
  expect(output).toMatch(/^ {2}API_KEYS_FILE: .*nobody may call.*ALLOW_ANONYMOUS=1/m);
});

it('reports everything that is wrong in its environment together', async () => {
  const output = await failureOf({
    ...nowhere,
    PORT: 'http',
    AMQP_URL: 'http://user:hunter2@rabbitmq',
    AWS_SECRET_ACCESS_KEY: 'hunter2',
    DATABASE_WORKER_ROLE: 'no; role',
  });
  expect(output).toContain('4 environment variables are missing or wrong:');
  expect(output).toContain('PORT: must be a whole number');
  expect(output).toContain('DATABASE_WORKER_ROLE: must be the name of a role');
  expect(output).toContain('AMQP_URL: must be an amqp:// or amqps:// URL');
  expect(output).toContain('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together');
});

it('refuses one port for calls and probes, and a delay that leaves requests no time', async () => {
  const output = await failureOf({
    ...nowhere,
    PORT: '8081',
    SHUTDOWN_DELAY_MS: '20000',
  });
  expect(output).toContain('PROBES_PORT: must be another port than PORT');
  expect(output).toContain('SHUTDOWN_DELAY_MS: must be less than SHUTDOWN_GRACE_MS');
});

it('names a catalogue that it cannot read', async () => {
  const output = await failureOf({ ...nowhere, MODELS: '/nowhere/models.json' });
  expect(output).toContain(
    'the model catalogue /nowhere/models.json does not exist; set MODELS to a catalogue file',
  );
});

it('says so when the database does not answer', async () => {
  expect(await failureOf(nowhere)).toContain('The database cannot be reached');
});
