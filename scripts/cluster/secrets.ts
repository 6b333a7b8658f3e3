import { createHash, randomBytes } from 'node:crypto';
import { newKey } from '@darkroom/frontend';
import type { Kubectl } from './kubectl.ts';

/** Secrets by namespace, name and key, in plain text. */
export type Secrets = Record<string, Record<string, Record<string, string>>>;

type SecretObject = { metadata: { name: string }; data?: Record<string, string> };

/**
 * The credentials of a cluster of its own: those that it has, and new random ones for what it lacks.
 * A cluster with managed services has the same names from its secret store instead.
 */
export async function ensureSecrets(kubectl: Kubectl): Promise<Secrets> {
  const present = await readSecrets(kubectl);
  const secrets = complete(present);
  const manifests = Object.entries(secrets).flatMap(([namespace, named]) =>
    Object.entries(named)
      .filter(([name, data]) => !isSame(present[namespace]?.[name], data))
      .map(([name, stringData]) => ({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace, labels: { 'app.kubernetes.io/part-of': 'darkroom' } },
        stringData,
      })),
  );
  if (manifests.length > 0) {
    await kubectl.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }));
  }
  return secrets;
}

async function readSecrets(kubectl: Kubectl): Promise<Secrets> {
  const secrets: Secrets = {};
  for (const namespace of ['darkroom', 'darkroom-data']) {
    const list = await kubectl.get<{ items: SecretObject[] }>([
      'secrets',
      '--namespace',
      namespace,
    ]);
    secrets[namespace] = Object.fromEntries(
      (list?.items ?? []).map(({ metadata, data = {} }) => [
        metadata.name,
        Object.fromEntries(
          Object.entries(data).map(([key, value]) => [
            key,
            Buffer.from(value, 'base64').toString(),
          ]),
        ),
      ]),
    );
  }
  return secrets;
}

const isSame = (a: Record<string, string> | undefined, b: Record<string, string>) =>
  a !== undefined && Object.entries(b).every(([key, value]) => a[key] === value);

/** What the manifests name, from what is there; what is missing is drawn. */
export function complete(present: Secrets): Secrets {
  const known = (namespace: string, name: string, key: string) => present[namespace]?.[name]?.[key];
  const password = (namespace: string, name: string, key: string) =>
    known(namespace, name, key) ?? randomBytes(24).toString('base64url');
  const passwordInUrl = (name: string, key: string) => {
    const url = known('darkroom', name, key);
    return url === undefined ? randomBytes(24).toString('base64url') : new URL(url).password;
  };

  const database = (key: string) => password('darkroom-data', 'postgres-credentials', key);
  const postgres = {
    'darkroom-password': database('darkroom-password'),
    'darkroom-worker-password': database('darkroom-worker-password'),
  };
  const store = {
    ROOT_ACCESS_KEY:
      known('darkroom-data', 'object-store-credentials', 'ROOT_ACCESS_KEY') ?? 'darkroom',
    ROOT_SECRET_KEY: password('darkroom-data', 'object-store-credentials', 'ROOT_SECRET_KEY'),
  };
  const broker = {
    frontend: passwordInUrl('frontend-credentials', 'AMQP_URL'),
    worker: passwordInUrl('worker-credentials', 'AMQP_URL'),
    monitor: password('darkroom', 'rabbitmq-monitor', 'password'),
  };
  const credentials = (role: 'frontend' | 'worker', user: string, databasePassword: string) => ({
    AMQP_URL: `amqp://${role}:${broker[role]}@rabbitmq.darkroom-data.svc.cluster.local:5672/%2F`,
    DATABASE_URL: `postgres://${user}:${databasePassword}@postgres.darkroom-data.svc.cluster.local:5432/darkroom`,
    AWS_ACCESS_KEY_ID: store.ROOT_ACCESS_KEY,
    AWS_SECRET_ACCESS_KEY: store.ROOT_SECRET_KEY,
  });
  return {
    'darkroom-data': {
      'postgres-credentials': postgres,
      'object-store-credentials': store,
      'rabbitmq-credentials': {
        'erlang-cookie': password('darkroom-data', 'rabbitmq-credentials', 'erlang-cookie'),
        'definitions-users.json': brokerUsers(
          broker,
          known('darkroom-data', 'rabbitmq-credentials', 'definitions-users.json'),
        ),
      },
    },
    darkroom: {
      'frontend-credentials': credentials('frontend', 'darkroom', postgres['darkroom-password']),
      'worker-credentials': credentials(
        'worker',
        'darkroom_worker',
        postgres['darkroom-worker-password'],
      ),
      'rabbitmq-monitor': {
        host: 'http://rabbitmq.darkroom-data.svc.cluster.local:15672',
        username: 'monitor',
        password: broker.monitor,
      },
      ...apiKeys(present.darkroom),
      'webhook-secrets': {
        'webhooks.json': known('darkroom', 'webhook-secrets', 'webhooks.json') ?? '{}',
      },
    },
  };
}

type BrokerUser = { name: string; password_hash: string };

/**
 * RabbitMQ's definitions of users. Frontends and workers declare what they use; the monitor reads
 * figures alone.
 */
function brokerUsers(passwords: Record<string, string>, present: string | undefined): string {
  const kept: BrokerUser[] = present === undefined ? [] : JSON.parse(present).users;
  const users = Object.entries(passwords).map(([name, password]) => ({
    name,
    password_hash: hashed(password, kept.find((user) => user.name === name)?.password_hash),
    hashing_algorithm: 'rabbit_password_hashing_sha256',
    tags: name === 'monitor' ? ['monitoring'] : [],
  }));
  const permissions = Object.keys(passwords).map((user) => {
    const all = user === 'monitor' ? '^$' : '.*';
    return { user, vhost: '/', configure: all, write: all, read: user === 'monitor' ? '^$' : '.*' };
  });
  return JSON.stringify({ users, permissions });
}

/**
 * A password as RabbitMQ keeps it: base64 of a salt of four bytes and the SHA-256 of both
 * (https://www.rabbitmq.com/docs/passwords#computing-password-hash).
 *
 * @param present kept where it is the password's
 */
function hashed(password: string, present?: string): string {
  const hash = (salt: Buffer) =>
    Buffer.concat([salt, createHash('sha256').update(salt).update(password).digest()]);
  if (present !== undefined) {
    const bytes = Buffer.from(present, 'base64');
    if (hash(bytes.subarray(0, 4)).equals(bytes)) return present;
  }
  return hash(randomBytes(4)).toString('base64');
}

/** The keys file for frontends and, for whoever made the cluster, its first key in plain text. */
function apiKeys(present: Secrets[string] = {}): Secrets[string] {
  const keysFile = present['api-keys']?.['keys.json'];
  const firstKey = present['first-api-key']?.key;
  if (keysFile !== undefined && firstKey !== undefined) {
    return { 'api-keys': { 'keys.json': keysFile }, 'first-api-key': { key: firstKey } };
  }
  const { key, entry } = newKey({
    id: 'first',
    tenant: 'default',
    scopes: ['generations:write', 'generations:read', 'system:read'],
  });
  return {
    'api-keys': { 'keys.json': JSON.stringify({ keys: [entry] }) },
    'first-api-key': { key },
  };
}

/**
 * What pods are stamped with: it changes when a Secret that they read does, and tells nothing of it.
 *
 * @param names of Secrets in the namespace
 */
export function credentialsChecksum(secrets: Secrets[string], names: readonly string[]): string {
  const content = names.map((name) => [name, Object.entries(secrets[name] ?? {}).sort()]);
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
}
