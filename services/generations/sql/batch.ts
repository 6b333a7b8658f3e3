import { setImmediate, setTimeout } from 'node:timers';

export type BatchOptions<Input> = {
  /** Inputs in one flush at most. @default 128 */
  atMost?: number;
  /** For what is in no hurry: how long a flush waits for company, in milliseconds. @default 0 */
  lingerMs?: number;
  /** Inputs of one key never share a flush: the later is to see what the earlier wrote. */
  keyOf?: (input: Input) => string;
};

export type Batched<Input, Result> = {
  (input: Input): Promise<Result>;
  /** Resolves when every call so far has its answer. */
  idle(): Promise<void>;
};

type Call<Input, Result> = {
  input: Input;
  resolve(result: Result | Promise<Result>): void;
  reject(error: unknown): void;
};

/**
 * Group commit: many calls as one statement and one commit. A call that finds nothing under way goes
 * out at the end of its turn of the event loop, with those of the same turn; the calls that come
 * during a flush collect and go out together when it has landed. So batches grow with the load, and
 * without load nobody waits. Never two flushes at once: half as large each, they cost a third more.
 *
 * Each call gets its own answer. An input that the database cannot take fails the whole statement,
 * which has then written nothing; its halves are tried again, and so on, until only the bad one fails.
 *
 * @param flush answers its inputs in their order
 */
export function batched<Input, Result>(
  flush: (inputs: Input[]) => Promise<(Result | Promise<Result>)[]>,
  { atMost = 128, lingerMs = 0, keyOf }: BatchOptions<Input> = {},
): Batched<Input, Result> {
  let waiting: Call<Input, Result>[] = [];
  /** From the moment that a flush is scheduled until it has finished. */
  let isFlushing = false;
  let whenIdle = Promise.withResolvers<void>();

  function takeBatch(): Call<Input, Result>[] {
    const keys = new Set<string>();
    const batch: Call<Input, Result>[] = [];
    const left: Call<Input, Result>[] = [];
    for (const call of waiting) {
      const key = keyOf?.(call.input);
      const stays = batch.length >= atMost || (key !== undefined && keys.has(key));
      (stays ? left : batch).push(call);
      if (key !== undefined) keys.add(key);
    }
    waiting = left;
    return batch;
  }

  function schedule(): void {
    if (isFlushing || waiting.length === 0) return;
    isFlushing = true;
    const start = () => void run(takeBatch()).then(finish);
    if (lingerMs === 0) setImmediate(start);
    else setTimeout(start, lingerMs);
  }

  function finish(): void {
    isFlushing = false;
    schedule();
    if (isFlushing) return;
    whenIdle.resolve();
    whenIdle = Promise.withResolvers();
  }

  async function run(calls: Call<Input, Result>[]): Promise<void> {
    try {
      const results = await flush(calls.map(({ input }) => input));
      for (const [i, call] of calls.entries()) call.resolve(results[i] as Result);
    } catch (error) {
      if (calls.length > 1 && isOfOneInput(error)) {
        const half = calls.length >> 1;
        await run(calls.slice(0, half));
        await run(calls.slice(half));
      } else {
        for (const call of calls) call.reject(error);
      }
    }
  }

  const call = (input: Input) =>
    new Promise<Result>((resolve, reject) => {
      waiting.push({ input, resolve, reject });
      schedule();
    });
  const idle = async () => {
    if (isFlushing) await whenIdle.promise;
  };
  return Object.assign(call, { idle });
}

/**
 * A value that does not fit (22), a constraint (23), a deadlock (40): the server has rolled the
 * statement back. Whether it did is unknown when the connection is lost, and the answer would be
 * the same for each.
 */
const isOfOneInput = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'string' &&
  /^(22|23|40)\w{3}$/.test(error.code);
