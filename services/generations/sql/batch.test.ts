import { expect, test } from 'vitest';
import { batched } from './batch.ts';

const sqlError = (code: string) => Object.assign(new Error(`SQLSTATE ${code}`), { code });
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Flushes that finish when the test says so; the answer to n is 10 n. */
function byHand(options: Parameters<typeof batched<number, number>>[1] = {}) {
  const flushes: { inputs: number[]; finish(error?: Error): void }[] = [];
  const call = batched<number, number>((inputs) => {
    const { promise, resolve, reject } = Promise.withResolvers<number[]>();
    const finish = (error?: Error) =>
      error === undefined ? resolve(inputs.map((n) => n * 10)) : reject(error);
    flushes.push({ inputs, finish });
    return promise;
  }, options);
  return { call, flushes, batches: () => flushes.map(({ inputs }) => inputs) };
}

test('a call by itself goes out at once, with those of the same turn', async () => {
  const { call, flushes, batches } = byHand();
  const answers = [call(1), call(2)];
  await turn();
  expect(batches()).toEqual([[1, 2]]);
  flushes[0]?.finish();
  expect(await Promise.all(answers)).toEqual([10, 20]);
});

test('what comes during a flush goes out together when it has landed', async () => {
  const { call, flushes, batches } = byHand();
  const answers = [call(1)];
  await turn();
  answers.push(call(2));
  await turn();
  answers.push(call(3));
  await turn();
  expect(batches()).toEqual([[1]]);
  flushes[0]?.finish();
  await expect.poll(batches).toEqual([[1], [2, 3]]);
  flushes[1]?.finish();
  expect(await Promise.all(answers)).toEqual([10, 20, 30]);
});

test('one flush at a time, and no more in it than are allowed', async () => {
  const { call, flushes, batches } = byHand({ atMost: 2 });
  const answers = [1, 2, 3, 4, 5].map((n) => call(n));
  for (const expected of [
    [[1, 2]],
    [
      [1, 2],
      [3, 4],
    ],
    [[1, 2], [3, 4], [5]],
  ]) {
    await expect.poll(batches).toEqual(expected);
    await turn();
    expect(flushes).toHaveLength(expected.length);
    flushes.at(-1)?.finish();
  }
  expect(await Promise.all(answers)).toEqual([10, 20, 30, 40, 50]);
});

test('inputs of one key go out one after another', async () => {
  const { call, flushes, batches } = byHand({ keyOf: (n) => String(n % 10) });
  const answers = [1, 11, 2, 21].map((n) => call(n));
  for (const expected of [[[1, 2]], [[1, 2], [11]], [[1, 2], [11], [21]]]) {
    await expect.poll(batches).toEqual(expected);
    flushes.at(-1)?.finish();
  }
  expect(await Promise.all(answers)).toEqual([10, 110, 20, 210]);
});

test('one that the database cannot take fails alone', async () => {
  let flushes = 0;
  const call = batched<number, number>(async (inputs) => {
    flushes += 1;
    if (inputs.includes(2)) throw sqlError('22P02');
    return inputs;
  });
  const numbers = Array.from({ length: 64 }, (_, n) => n);
  const all = await Promise.allSettled(numbers.map((n) => call(n)));
  expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(1);
  expect(flushes).toBeLessThan(20);
  const answers = all.slice(1, 4);
  expect(answers).toEqual([
    { status: 'fulfilled', value: 1 },
    { status: 'rejected', reason: expect.objectContaining({ code: '22P02' }) },
    { status: 'fulfilled', value: 3 },
  ]);
});

test('one whose own answer is an error fails alone', async () => {
  const call = batched<number, number>(async (inputs) =>
    inputs.map((n) => (n === 2 ? Promise.reject(new Error('conflict')) : n)),
  );
  const answers = await Promise.allSettled([1, 2, 3].map((n) => call(n)));
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('a lost connection fails all of its flush, which is not tried again', async () => {
  const { call, flushes } = byHand();
  const answers = Promise.allSettled([call(1), call(2)]);
  await turn();
  flushes[0]?.finish(new Error('Connection terminated unexpectedly'));
  expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(flushes).toHaveLength(1);
});

test('idle waits for every answer', async () => {
  const { call, flushes } = byHand();
  await call.idle();
  const first = call(1);
  await turn();
  const second = call(2);
  let isIdle = false;
  const idle = call.idle().then(() => {
    isIdle = true;
  });
  flushes[0]?.finish();
  await first;
  await expect.poll(() => flushes).toHaveLength(2);
  expect(isIdle).toBe(false);
  flushes[1]?.finish();
  await Promise.all([second, idle]);
});

test('what lingers waits for company, and idle for both', async () => {
  const { call, flushes, batches } = byHand({ lingerMs: 20 });
  const answers = [call(1)];
  await turn();
  answers.push(call(2));
  expect(batches()).toEqual([]);
  await expect.poll(batches).toEqual([[1, 2]]);
  const idle = call.idle();
  flushes[0]?.finish();
  await idle;
  expect(await Promise.all(answers)).toEqual([10, 20]);
});
