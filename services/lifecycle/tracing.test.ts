import { createServer } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startCollector } from '@darkroom/testing';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { loadConfig } from './load-config.ts';
import { createLogger } from './logger.ts';
import { contextOf, inSpan, traceparentOf, within } from './trace.ts';
import { startTracing } from './tracing.ts';
import { tracingSettings, tracingVariables } from './tracing-settings.ts';

function logged() {
  const lines: { level: string; msg: string }[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  return { lines, logger: createLogger({ name: 'tracing', destination }) };
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

function liveBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const settingsOf = (environment: Record<string, string>) =>
  tracingSettings(loadConfig(z.object(tracingVariables), environment), 'darkroom-test');

it('exports spans with their parents, their service and what failed', async () => {
  await using collector = await startCollector();
  const settings = settingsOf({
    OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  });
  const { spans, close } = startTracing(settings, logged().logger);
  const caller = contextOf('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
  const outer = spans.startSpan('outer', {}, caller);
  const work = inSpan(outer, () =>
    inSpan(spans.startSpan('inner', {}, within(outer)), async () => {
      throw new TypeError('the password is hunter2');
    }),
  );
  await expect(work).rejects.toThrow('hunter2');
  await close();

  expect(collector.requests.map(({ path }) => path)).toEqual(['/v1/traces']);
  const [inner, its] = collector.spans;
  expect(its).toMatchObject({
    name: 'outer',
    service: 'darkroom-test',
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    parentSpanId: '00f067aa0ba902b7',
  });
  expect(inner).toMatchObject({ parentSpanId: its?.spanId, traceId: its?.traceId });
  expect(inner?.attributes).toEqual({ 'error.type': 'TypeError' });
  expect(inner?.status.code).toBe(2);
  expect(JSON.stringify(collector.spans)).not.toContain('hunter2');
});

it('speaks protobuf unless told otherwise', async () => {
  await using collector = await startCollector();
  const { spans, close } = startTracing(
    settingsOf({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/here` }),
    logged().logger,
  );
  spans.startSpan('a span in protobuf', {}, ROOT_CONTEXT).end();
  await close();
  expect(collector.requests).toMatchObject([
    { path: '/here', contentType: 'application/x-protobuf' },
  ]);
  expect(collector.requests[0]?.body.includes('a span in protobuf')).toBe(true);
});

it('exports nothing without an endpoint, or when it is switched off', async () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
  expect(settingsOf({})).toBeUndefined();
  expect(settingsOf({ ...endpoint, OTEL_SDK_DISABLED: 'true' })).toBeUndefined();
  expect(settingsOf({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' })).toBeUndefined();
  const { spans, close } = startTracing(undefined, logged().logger);
  expect(spans.startSpan('any', {}, ROOT_CONTEXT).isRecording()).toBe(false);
  await close();
});

it('samples as the variables say, and follows the caller', async () => {
  const sampler = (name: string, ratio: string) => {
    const { spans } = startTracing(
      settingsOf({
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
        OTEL_TRACES_SAMPLER: name,
        OTEL_TRACES_SAMPLER_ARG: ratio,
      }),
      logged().logger,
    );
    const of = (traceparent?: string) =>
      traceparentOf(spans.startSpan('any', {}, contextOf(traceparent))).slice(-2);
    const caller = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7';
    return [of(), of(`${caller}-00`), of(`${caller}-01`)];
  };
  expect(sampler('parentbased_traceidratio', '0')).toEqual(['00', '00', '01']);
  expect(sampler('parentbased_always_on', '0')).toEqual(['01', '00', '01']);
  expect(sampler('traceidratio', '1')).toEqual(['01', '01', '01']);
  expect(sampler('always_off', '1')).toEqual(['00', '00', '00']);
});

it('refuses values that would lose the traces in silence', () => {
  expect(() =>
    settingsOf({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_TRACES_SAMPLER: 'sometimes',
      OTEL_TRACES_SAMPLER_ARG: '10',
    }),
  ).toThrow(/^4 environment variables are missing or wrong:/);
});

it.each(['refuses', 'never answers'])(
  'drops spans, says so once and closes in time where the collector %s',
  async (what) => {
    // A server that accepts and is silent; closed, its port refuses.
    const server = createServer().listen(0, '127.0.0.1');
    await expect.poll(() => server.listening).toBe(true);
    const { port } = server.address() as { port: number };
    if (what === 'refuses') await new Promise((resolve) => server.close(resolve));

    const { logger, lines } = logged();
    const endpoint = `http://127.0.0.1:${port}`;
    const { spans, close } = startTracing(
      settingsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }),
      logger,
    );
    const before = liveBytes();
    for (let i = 0; i < 100_000; i++) {
      spans.startSpan('lost', { attributes: { i } }, ROOT_CONTEXT).end();
    }
    // Kept, they would be three times as much.
    expect(liveBytes() - before).toBeLessThan(30e6);
    const started = performance.now();
    await close();
    expect(performance.now() - started).toBeLessThan(4_000);
    expect(lines.filter(({ level }) => level === 'warn').length).toBeLessThanOrEqual(1);
    server.close();
  },
);
