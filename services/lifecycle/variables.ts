import { z } from 'zod';

const secretPair =
  'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together; set both, or neither to use the platform identity';

const portNumber = (name: string, initial: number, description: string) =>
  z
    .string()
    .regex(/^\d{1,5}$/, 'must be a whole number')
    .transform(Number)
    .refine((port) => port <= 65_535, 'must be a whole number from 0 to 65535')
    .meta({ description, examples: [`${name}=${initial}`] })
    .default(initial);

/** A length of time, 1 ms at least. */
export const milliseconds = (initial: number, description: string) =>
  z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'must be a whole number of milliseconds')
    .transform(Number)
    .meta({ description, examples: [initial] })
    .default(initial);

const factors = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, '': 1 } as const;

/**
 * The variables that several processes read, each said once: type, what it is, an example. A
 * process picks its own in its `config.ts`.
 */
export const variables = {
  PORT: portNumber('PORT', 8080, 'the port to listen on'),
  PROBES_PORT: portNumber(
    'PROBES_PORT',
    8081,
    'the port of /healthz, /readyz and /metrics, for the platform and not for callers',
  ),
  HOST: z
    .string()
    .meta({
      description: 'the address to listen on; :: is every address, IPv6 and IPv4',
      examples: ['HOST=127.0.0.1'],
    })
    .default('::'),
  MODEL_MEMORY: z
    .string()
    .regex(/^[1-9]\d*(Ki|Mi|Gi)?$/, 'must be bytes, such as 12Gi')
    .transform((text) => {
      const unit = (/[KMG]i$/.exec(text)?.[0] ?? '') as keyof typeof factors;
      return Number.parseInt(text, 10) * factors[unit];
    })
    .meta({
      description:
        'bytes for all models together, with Ki, Mi or Gi behind. Networks that do not fit together are ' +
        'loaded in turn; what does not fit even alone is refused. Unless set: on the CPU, of the ' +
        "container's limit or the machine's memory, all but a quarter, of at most 1 GiB; on a GPU no bound",
      examples: ['MODEL_MEMORY=12Gi'],
    })
    .optional(),
  OPTIMIZED_MODEL_DIR: z
    .string()
    .min(1)
    .meta({
      description:
        "a folder for copies of the models as the runtime's optimizer leaves them, so that the next start " +
        'on the CPU is faster; takes about the space of the models, of float16 models twice that',
      examples: ['OPTIMIZED_MODEL_DIR=/var/cache/darkroom'],
    })
    .optional(),
  PICTURE_METADATA: z
    .enum(['0', '1'], 'must be 0 or 1')
    .transform((value) => value === '1')
    .meta({
      description:
        '0: the pictures’ files do not carry the prompt and what else made them, so they cannot be ' +
        'made again from the file',
      examples: ['PICTURE_METADATA=0'],
    })
    .default(true),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'must be a log level')
    .meta({
      description: 'trace, debug, info, warn, error, fatal or silent',
      examples: ['LOG_LEVEL=info'],
    })
    .default('info'),
  AMQP_URL: z.url({ protocol: /^amqps?$/, error: 'must be an amqp:// or amqps:// URL' }).meta({
    description: 'the RabbitMQ server',
    examples: ['AMQP_URL=amqp://user:password@rabbitmq:5672'],
  }),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }).meta({
    description: 'the Postgres database',
    examples: ['DATABASE_URL=postgres://user:password@postgres:5432/darkroom'],
  }),
  S3_ENDPOINT: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' }).meta({
    description: 'the S3 server',
    examples: ['S3_ENDPOINT=http://object-store:7070'],
  }),
  S3_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be a bucket name')
    .meta({ description: 'the bucket of the pictures', examples: ['S3_BUCKET=darkroom'] }),
  AWS_REGION: z
    .string()
    .meta({ description: "the bucket's region", examples: ['AWS_REGION=us-east-1'] })
    .default('us-east-1'),
  AWS_ACCESS_KEY_ID: z
    .string()
    .meta({ examples: ['AWS_ACCESS_KEY_ID=darkroom'] })
    .optional(),
  AWS_SECRET_ACCESS_KEY: z
    .string()
    .meta({ examples: ['AWS_SECRET_ACCESS_KEY=<the secret>'] })
    .optional(),
  MODELS: z.string().meta({
    description: 'the catalogue file, or a folder of such files',
    examples: ['MODELS=/etc/darkroom/models.json'],
  }),
  RESULT_TTL_HOURS: z
    .string()
    .transform(Number)
    .refine((hours) => hours > 0 && hours <= 1e6, 'must be a number of hours above 0')
    .meta({
      description: 'how long a finished generation and its pictures are kept',
      examples: ['RESULT_TTL_HOURS=168'],
    }),
  API_KEYS_FILE: z
    .string()
    .meta({
      description: 'the keys of those who may call, made by `darkroom keys create`',
      examples: ['API_KEYS_FILE=/etc/darkroom/keys/keys.json'],
    })
    .optional(),
  ALLOW_ANONYMOUS: z
    .enum(['0', '1'], 'must be 0 or 1')
    .transform((value) => value === '1')
    .meta({
      description: '1 lets whoever reaches the service ask and see everything without a key',
      examples: ['ALLOW_ANONYMOUS=1'],
    })
    .default(false),
  ALLOWED_HOSTS: z
    .string()
    .transform((names) =>
      names
        .toLowerCase()
        .split(',')
        .map((name) => name.trim()),
    )
    .refine(
      (names) => names.every((name) => /^(\*|[a-z0-9._-]+|[0-9a-f:.]+)$/.test(name)),
      'must be host names without ports, separated by commas, or *',
    )
    .meta({
      description:
        'the host names that requests may be sent to and that web pages may call from; * for any. ' +
        'Unless set: any, but on loopback without keys only names of this machine',
      examples: ['ALLOWED_HOSTS=darkroom.example,10.0.0.7'],
    })
    .optional(),
  WEBHOOK_SECRETS_FILE: z
    .string()
    .meta({
      description: 'by tenant the secrets that its webhooks are signed with, in JSON',
      examples: ['WEBHOOK_SECRETS_FILE=/etc/darkroom/webhook-secrets.json'],
    })
    .optional(),
  WEBHOOK_ALLOW_PRIVATE: z
    .enum(['0', '1'], 'must be 0 or 1')
    .transform((value) => value === '1')
    .meta({
      description:
        'also send webhooks over http, to private addresses and any port, for development',
      examples: ['WEBHOOK_ALLOW_PRIVATE=1'],
    })
    .default(false),
  WEBHOOK_PORTS: z
    .string()
    .regex(/^\d{1,5}(,\d{1,5})*$/, 'must be port numbers separated by commas')
    .transform((ports) => ports.split(',').map(Number))
    .refine(
      (ports) => ports.every((port) => port >= 1 && port <= 65_535),
      'must be from 1 to 65535',
    )
    .meta({
      description: 'the ports that receivers of webhooks may listen on; 443 and 8443 unless set',
      examples: ['WEBHOOK_PORTS=443,8443'],
    })
    .optional(),
} as const;

/** Refines a process's schema: it has keys, or is told that it needs none. */
export const someoneMayCall: [
  (values: {
    API_KEYS_FILE?: string | undefined;
    ALLOW_ANONYMOUS?: boolean | undefined;
  }) => boolean,
  { path: string[]; message: string; when: () => boolean },
] = [
  (values) => values.API_KEYS_FILE !== undefined || values.ALLOW_ANONYMOUS === true,
  {
    path: ['API_KEYS_FILE'],
    message: 'missing, and nobody may call without: set it, or ALLOW_ANONYMOUS=1',
    when: () => true,
  },
];

type Credentials = {
  AWS_ACCESS_KEY_ID?: string | undefined;
  AWS_SECRET_ACCESS_KEY?: string | undefined;
};

/** Refines a process's schema: the two halves of the S3 credentials are set together or not at all. */
export const credentialsTogether: [
  (values: Credentials) => boolean,
  { path: string[]; message: string; when: () => boolean },
] = [
  (values: Credentials) =>
    (values.AWS_ACCESS_KEY_ID === undefined) === (values.AWS_SECRET_ACCESS_KEY === undefined),
  // `when`: told beside the other problems, not only once they are fixed.
  { path: ['AWS_ACCESS_KEY_ID'], message: secretPair, when: () => true },
];
