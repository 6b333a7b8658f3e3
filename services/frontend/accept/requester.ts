import type { Logger } from '@darkroom/lifecycle';
import type { Span } from '@opentelemetry/api';

/** Who asks, as the use cases see it; each adapter makes one from what it received. */
export type Requester = {
  /** Whose records it sees; it cannot tell those of others from none. */
  tenant: string;
  /** Aborts when the key is no longer valid. */
  revoked: AbortSignal;
  /** The frontend's span in the caller's trace, or in one of its own. */
  span: Span;
  /** Carries the trace id, the tenant and the id of its key. */
  log: Logger;
};
