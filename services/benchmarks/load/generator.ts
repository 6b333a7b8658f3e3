/**
 * Calls a procedure as fast as its answers come, over a bounded number of kept-alive connections, in
 * a process of its own so that it shares no event loop with what it measures. Its one argument is a
 * `LoadOrder` as JSON; it prints a `LoadResult` as JSON.
 */
import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';
import { percentile } from '../report.ts';
import type { LoadOrder, LoadResult } from './order.ts';

const order: LoadOrder = JSON.parse(process.argv[2] ?? '');
const { url, procedure, body, authorization, connections, seconds, perSecond } = order;

const pool = new Pool(url, { connections, pipelining: 1 });
const latencies: number[] = [];
const result: LoadResult = {
  accepted: 0,
  refused: 0,
  failed: 0,
  refusedWithoutRetryAfter: 0,
  seconds: 0,
  p50Ms: 0,
  p99Ms: 0,
};

async function call(): Promise<void> {
  const began = performance.now();
  const answer = await pool.request({
    method: 'POST',
    path: `/trpc/${procedure}`,
    headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
    body: JSON.stringify(body),
  });
  await answer.body.dump();
  if (answer.statusCode === 200) {
    result.accepted += 1;
    latencies.push(performance.now() - began);
  } else if (answer.statusCode === 429 || answer.statusCode === 503) {
    result.refused += 1;
    if (answer.headers['retry-after'] === undefined) result.refusedWithoutRetryAfter += 1;
  } else {
    result.failed += 1;
  }
}

// What opening the connections takes is the client's own cost, and would be put down to the first calls.
await Promise.all(
  Array.from({ length: connections }, async () => {
    const { body } = await pool.request({ method: 'GET', path: '/trpc/models.list' });
    await body.dump();
  }),
);
const began = performance.now();
const ends = began + seconds * 1e3;
if (perSecond === undefined) {
  // Each connection sends its next call when it has the answer to the last.
  const loop = async () => {
    while (performance.now() < ends) await call();
  };
  await Promise.all(Array.from({ length: connections }, loop));
} else {
  // At a set pace, whatever the answers take; what no connection is free for waits in the pool.
  const calls: Promise<void>[] = [];
  const total = Math.round(perSecond * seconds);
  while (calls.length < total) {
    const due = Math.min(total, ((performance.now() - began) / 1e3) * perSecond);
    while (calls.length < due) calls.push(call());
    await wait(1);
  }
  await Promise.all(calls);
}
result.seconds = (performance.now() - began) / 1e3;
if (latencies.length > 0) {
  result.p50Ms = percentile(latencies, 0.5);
  result.p99Ms = percentile(latencies, 0.99);
}
await pool.close();
console.log(JSON.stringify(result));
