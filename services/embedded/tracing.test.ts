import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@darkroom/client/source';
import { createLogger, startTracing, traceparentOf } from '@darkroom/lifecycle';
import { type CollectedSpan, startCollector } from '@darkroom/testing';
import { SpanKind } from '@opentelemetry/api';
import { expect, it, onTestFinished } from 'vitest';
import { startEmbedded } from './start-embedded.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

async function dataFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-tracing-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

it("makes one trace of a generation, from the client's call to the engine's steps", async () => {
  await using collector = await startCollector();
  const settings = {
    url: `${collector.url}/v1/traces`,
    protocol: 'http/json',
    sampler: 'parentbased_always_on',
    ratio: 1,
  } as const;
  const service = await startEmbedded({
    dataDir: await dataFolder(),
    port: 0,
    tracing: { ...settings, serviceName: 'darkroom' },
  });
  const tracing = startTracing({ ...settings, serviceName: 'caller' }, logger);
  const call = tracing.spans.startSpan('call', { kind: SpanKind.CLIENT });
  const client = createClient({
    url: service.url,
    headers: () => ({ traceparent: traceparentOf(call) }),
  });
  const made = await client.generate({
    prompt: 'a red star, my secret',
    seed: 7,
    steps: 6,
    count: 2,
  });
  expect(made.state).toBe('succeeded');
  call.end();
  await tracing.close();
  await service.stop();

  const { traceId, spanId } = call.spanContext();
  const spans = collector.spans.filter((span) => span.traceId === traceId);
  const named = (name: string) => spans.filter((span) => span.name === name);
  const only = (name: string, parent: string): CollectedSpan => {
    const found = named(name).filter(({ parentSpanId }) => parentSpanId === parent);
    expect(found.map((span) => span.name)).toEqual([name]);
    return found[0] as CollectedSpan;
  };
  const request = only('POST generations.create', spanId);
  expect(request.attributes).toMatchObject({
    'http.request.method': 'POST',
    'http.response.status_code': 200,
  });
  only('record generation', request.spanId);
  const sent = only('send pinhole', request.spanId);
  const processed = only('process pinhole', sent.spanId);
  expect(processed.attributes).toMatchObject({
    'messaging.system': 'in_process',
    'darkroom.generation.id': made.id,
    'darkroom.job.end': 'succeeded',
  });
  for (const name of ['claim generation', 'store pictures', 'complete generation']) {
    only(name, processed.spanId);
  }
  const pictures = named('generate picture');
  expect(pictures.map(({ parentSpanId }) => parentSpanId)).toEqual([
    processed.spanId,
    processed.spanId,
  ]);
  for (const picture of pictures) {
    const steps = named('steps')
      .filter(({ parentSpanId }) => parentSpanId === picture.spanId)
      .map(({ attributes }) => [
        attributes['darkroom.step.first'],
        attributes['darkroom.step.last'],
      ]);
    // Each step once and in order, however many were told together.
    expect(steps[0]?.[0]).toBe(1);
    expect(steps.at(-1)?.[1]).toBe(6);
    for (const [i, [first]] of steps.slice(1).entries()) {
      expect(first).toBe(Number(steps[i]?.[1]) + 1);
    }
  }
  // Below the call hangs nothing else, but for the watch.
  expect([...new Set(spans.map(({ name }) => name))].toSorted()).toEqual(
    expect.arrayContaining(['GET generations.watch', 'call']),
  );
  expect(JSON.stringify(collector.spans)).not.toContain('my secret');
}, 180_000);
