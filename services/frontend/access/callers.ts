import { DarkroomError, type Scope, scope } from '@darkroom/contract';
import { createKeyRing, type KeyRing } from './key-ring.ts';
import { type KeysFile, limitsIn, type TenantLimits } from './keys-file.ts';

/** Who calls. */
export type Caller = {
  /** Whose records it sees; it cannot tell those of others from none. */
  tenant: string;
  /** Of the key, for the log; null for the anonymous. */
  keyId: string | null;
  scopes: ReadonlySet<Scope>;
  /** Aborts when the key is no longer valid. */
  revoked: AbortSignal;
};

export type Callers = {
  /**
   * @param authorization the header of that name
   * @throws DarkroomError `unauthenticated`
   */
  identify(authorization: string | undefined): Caller;
  /** Undefined: no limits but the service's own. */
  limitsOf(tenant: string): TenantLimits | undefined;
};

/** Owner of the records of callers without a key. */
export const ANONYMOUS_TENANT = 'default';

/** Whoever calls, with every scope and no limits of a tenant; a key is not looked at. */
export function anonymousCallers(): Callers {
  const caller: Caller = {
    tenant: ANONYMOUS_TENANT,
    keyId: null,
    scopes: new Set(scope.options),
    revoked: new AbortController().signal,
  };
  return { identify: () => caller, limitsOf: () => undefined };
}

/**
 * Callers by the keys of a file.
 *
 * @param options.anonymous whoever sends no key at all, where that is allowed
 */
export function keyedCallers(options: { anonymous: boolean; ring?: KeyRing }): Callers & {
  use(content: KeysFile): void;
  expire(): void;
} {
  const { ring = createKeyRing() } = options;
  const nobody = options.anonymous ? anonymousCallers() : undefined;
  let limits = new Map<string, TenantLimits>();
  return {
    identify: (authorization) => {
      if (authorization === undefined && nobody !== undefined) return nobody.identify(undefined);
      const held = ring.find(keyOf(authorization));
      if (held === undefined) throw unauthenticated('the API key is not valid, or no longer');
      const { id, tenant, scopes } = held.entry;
      return { tenant, keyId: id, scopes: new Set(scopes), revoked: held.revoked };
    },
    limitsOf: (tenant) => limits.get(tenant),
    use: (content) => {
      limits = new Map(content.keys.map(({ tenant }) => [tenant, limitsIn(content, tenant)]));
      ring.replace(content.keys);
    },
    expire: () => ring.expire(),
  };
}

function keyOf(authorization: string | undefined): string {
  const [, key] = /^bearer +([\w.~+/=-]{1,500})$/i.exec(authorization ?? '') ?? [];
  if (key !== undefined) return key;
  throw unauthenticated(
    authorization === undefined
      ? 'an API key is needed'
      : 'the Authorization header is not of the form "Bearer KEY"',
  );
}

export const unauthenticated = (what: string): DarkroomError =>
  new DarkroomError(
    'unauthenticated',
    `${what}; send one as "Authorization: Bearer dk_…", the operator of this service issues them`,
  );

/** @throws DarkroomError `forbidden` */
export function requireScope({ scopes }: Caller, needed: Scope): void {
  if (scopes.has(needed)) return;
  throw new DarkroomError(
    'forbidden',
    `this API key lacks the scope ${needed}; it has ${[...scopes].join(', ')}`,
  );
}
