import { CommandFailure } from '../commands/command-failure.ts';

type Cause = { reason?: string; message?: string; field?: string };

/** What the API server refused, in its words. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly reason: string;
  readonly causes: readonly Cause[];
  constructor(status: number, answer: { message?: string; reason?: string; causes?: Cause[] }) {
    super(answer.message ?? `the API server answers ${status}`);
    this.status = status;
    this.reason = answer.reason ?? '';
    this.causes = answer.causes ?? [];
  }
}

/** An API server that starts or is overrun says so; it is asked again. */
export const isPassing = ({ status }: ApiError) => status === 429 || status >= 500;

export const statusOf = (content: string): ConstructorParameters<typeof ApiError>[1] => {
  try {
    const { message, reason, details } = JSON.parse(content) as {
      message?: string;
      reason?: string;
      details?: { causes?: Cause[] };
    };
    return {
      ...(message !== undefined && { message }),
      ...(reason !== undefined && { reason }),
      ...(details?.causes && { causes: details.causes }),
    };
  } catch {
    return content === '' ? {} : { message: content.slice(0, 300).trim() };
  }
};

/** What whoever reads it can do about it, where the API server does not say. */
export function explained(error: ApiError, context: string): Error {
  if (error.status === 401) {
    return new CommandFailure(
      `${context} does not take the credentials of kubectl's configuration (${error.message}): they may have ` +
        'expired; log in to the cluster again',
    );
  }
  if (error.status === 403) {
    return new CommandFailure(
      `${context} does not allow it: ${error.message}; docs/promotion.md lists the rights that a promotion needs`,
    );
  }
  return error;
}

/** undici wraps what went wrong into `fetch failed`. */
export const wordsOf = (error: unknown): string => {
  const { cause, message } = error as Error;
  return cause instanceof Error ? wordsOf(cause) : message;
};
