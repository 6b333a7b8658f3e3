import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { createBucket, type S3Location } from './object-store.ts';
import { accepts } from './program.ts';

const freshName = (): string => `test-${randomUUID()}`;

/** A new, empty database on the server of `databaseUrl`; returns its URL. It goes with the server. */
export async function freshDatabase(databaseUrl: string): Promise<string> {
  const name = freshName();
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(`create database "${name}"`);
  } finally {
    await client.end();
  }
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** A new, empty virtual host; returns its AMQP URL. It goes with the server. */
export async function freshVhost(amqpUrl: string, managementUrl: string): Promise<string> {
  const name = freshName();
  await callManagement(managementUrl, 'PUT', `vhosts/${name}`);
  const url = new URL(amqpUrl);
  await callManagement(managementUrl, 'PUT', `permissions/${name}/${url.username || 'guest'}`, {
    configure: '.*',
    write: '.*',
    read: '.*',
  });
  url.pathname = `/${name}`;
  return url.href;
}

/**
 * A new, empty bucket beside `s3.bucket`; returns where it is. It goes with the server. Waits until
 * the server accepts connections, because it may still be being built.
 */
export async function freshBucket(s3: S3Location): Promise<S3Location> {
  const port = Number(new URL(s3.endpoint).port);
  if (s3.endpoint.startsWith('http://127.0.0.1:')) {
    while (!(await accepts(port))) await delay(200);
  }
  return createBucket({ ...s3, bucket: freshName() });
}

/** One call of RabbitMQ's HTTP API; returns the answer's JSON, or undefined where it has none. */
export async function callManagement(
  managementUrl: string,
  method: 'GET' | 'PUT' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<unknown> {
  const url = new URL(`api/${path}`, managementUrl);
  const authorization = `Basic ${btoa(`${url.username}:${url.password}`)}`;
  url.username = '';
  url.password = '';
  const response = await fetch(url, {
    method,
    headers: { authorization, 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  }).catch((cause: unknown) => {
    throw new Error(
      `RabbitMQ's management API does not answer at ${url.origin}: enable the management plugin, ` +
        'or say where it is in AMQP_MANAGEMENT_URL',
      { cause },
    );
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url.pathname}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
