/** A Secret that somebody makes before Darkroom is applied. */
export type SecretKeys = { namespace: string; name: string; keys: readonly string[] };

const credentials = ['AMQP_URL', 'DATABASE_URL', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];

/**
 * Every Secret that the manifests read, with the keys that they read of it. None is in the manifests:
 * `darkroom cluster up` generates them once, and on other clusters the External Secrets operator
 * brings them from a store, under the same names.
 */
export const secrets: readonly SecretKeys[] = [
  { namespace: 'darkroom', name: 'frontend-credentials', keys: credentials },
  { namespace: 'darkroom', name: 'worker-credentials', keys: credentials },
  { namespace: 'darkroom', name: 'api-keys', keys: ['keys.json'] },
  { namespace: 'darkroom', name: 'webhook-secrets', keys: ['webhooks.json'] },
  { namespace: 'darkroom', name: 'rabbitmq-monitor', keys: ['host', 'username', 'password'] },
  {
    namespace: 'darkroom-data',
    name: 'rabbitmq-credentials',
    keys: ['definitions-users.json', 'erlang-cookie'],
  },
  {
    namespace: 'darkroom-data',
    name: 'postgres-credentials',
    keys: ['darkroom-password', 'darkroom-worker-password'],
  },
  {
    namespace: 'darkroom-data',
    name: 'object-store-credentials',
    keys: ['ROOT_ACCESS_KEY', 'ROOT_SECRET_KEY'],
  },
];
