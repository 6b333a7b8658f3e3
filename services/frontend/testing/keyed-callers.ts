import type { Scope } from '@darkroom/contract';
import { keyedCallers } from '../access/callers.ts';
import type { TenantLimits } from '../access/keys-file.ts';
import { newKey } from '../access/new-key.ts';

type Grant = { tenant: string; scopes?: Scope[] };

/** Callers by keys that are given out here and can be taken back, with their tenants' limits. */
export function testCallers(options: { limits?: Partial<TenantLimits> } = {}) {
  const callers = keyedCallers({ anonymous: false });
  const granted = new Map<string, ReturnType<typeof newKey>>();
  const apply = () =>
    callers.use({
      keys: [...granted.values()].map(({ entry }) => entry),
      defaults: options.limits ?? {},
      tenants: {},
    });
  return {
    callers,
    /** The Authorization header of a new key. */
    grant({ tenant, scopes = ['generations:write', 'generations:read', 'system:read'] }: Grant) {
      const made = newKey({ id: `${tenant}-${granted.size}`, tenant, scopes });
      const authorization = `Bearer ${made.key}`;
      granted.set(authorization, made);
      apply();
      return authorization;
    },
    revoke(authorization: string) {
      granted.delete(authorization);
      apply();
    },
  };
}
