import { scope } from '@darkroom/contract';
import { readJsonFile } from '@darkroom/lifecycle';
import { z } from 'zod';

/** A tenant's name is a folder of the object store, so it is a DNS label. */
const tenantName = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'must be lower-case letters, digits and hyphens, at most 63',
  );

/** What one tenant may use. Calls and watches are counted by each replica for itself. */
const limits = z.strictObject({
  /** Calls and pictures a minute; each call of a batch counts. */
  requestsPerMinute: z.int().positive(),
  /** Generations queued and running. */
  active: z.int().positive(),
  /** Watches open at once. */
  watches: z.int().positive(),
});
export type TenantLimits = z.infer<typeof limits>;

const builtIn: TenantLimits = { requestsPerMinute: 3_000, active: 1_000, watches: 200 };

const someLimits = limits.partial().prefault({});

export const keyEntry = z.strictObject({
  /** Names the key in logs; says nothing of the key itself. */
  id: z.string().min(1).max(100),
  tenant: tenantName,
  scopes: z.array(scope).min(1),
  /** Of the key's text, in hex. The key has 256 random bits, so a fast digest is enough. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits'),
  /** RFC 3339; from then on the key is refused. */
  notAfter: z.iso.datetime({ offset: true }).optional(),
});
export type KeyEntry = z.infer<typeof keyEntry>;

const unique = (values: readonly string[]) => new Set(values).size === values.length;

const keysFile = z.strictObject({
  keys: z
    .array(keyEntry)
    .refine((keys) => unique(keys.map(({ id }) => id)), 'ids must be unique')
    .refine((keys) => unique(keys.map(({ sha256 }) => sha256)), 'a key may be there once'),
  /** For tenants that have none of their own; what is left out is built in. */
  defaults: someLimits,
  /** By name; what is left out is the default. */
  tenants: z.record(tenantName, someLimits).default({}),
});
export type KeysFile = z.infer<typeof keysFile>;

/** The limits of a tenant, each from the nearest place that tells it. */
export function limitsIn({ defaults, tenants }: KeysFile, tenant: string): TenantLimits {
  const own = tenants[tenant];
  const of = (name: keyof TenantLimits) => own?.[name] ?? defaults[name] ?? builtIn[name];
  return {
    requestsPerMinute: of('requestsPerMinute'),
    active: of('active'),
    watches: of('watches'),
  };
}

/** @throws DarkroomError (`configuration`) as `readJsonFile` */
export const readKeysFile = (path: string): Promise<{ text: string; content: KeysFile }> =>
  readJsonFile({
    path,
    schema: keysFile,
    name: 'the API keys file',
    remedy: 'set API_KEYS_FILE to one, `darkroom keys create` makes its entries',
    isSecret: true,
  });
