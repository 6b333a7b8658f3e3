import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadYaml } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { exporters, expressions, type RuleGroups, rules } from './expressions.ts';
import { jobNames, metricNames } from './metric-names.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const services = fileURLToPath(new URL('../../../services', import.meta.url));
const read = (path: string) => readFile(join(here, path), 'utf8');

const exported = new Set(Object.values(exporters).flatMap(({ metrics }) => metrics));
const recorded = new Set(rules.flatMap(({ record }) => record ?? []));

test.each([
  ['sum by (a) (rate(x_total{b="c{d}"}[5m])) / y:z', ['x_total', 'y:z']],
  ['up == 1 unless on (job) w offset 15m', ['up', 'w']],
  ['histogram_quantile(0.99, sum by (le) (rate(h_bucket[$__rate_interval]))) > 1e3', ['h_bucket']],
])('reads the metrics of %s', (expression, names) => {
  expect(metricNames(expression)).toEqual(names);
});

test('there are rules and panels to look at', () => {
  expect(rules.length).toBeGreaterThan(30);
  expect(expressions.length - rules.length).toBeGreaterThan(20);
});

test.each(expressions)('$name reads only metrics that somebody exports', ({ expr }) => {
  const names = metricNames(expr);
  expect(names).not.toEqual([]);
  expect(names.filter((name) => !exported.has(name) && !recorded.has(name))).toEqual([]);
});

test('every metric of the list is read, and every job that is named is scraped', async () => {
  const names = new Set(expressions.flatMap(({ expr }) => metricNames(expr)));
  expect([...exported].filter((name) => !names.has(name))).toEqual([]);
  const config = loadYaml<{ scrape_configs: { job_name: string }[] }>(await read('prometheus.yml'));
  const scraped = new Set(config.scrape_configs.map(({ job_name }) => job_name));
  const named = [
    ...Object.values(exporters).flatMap(({ job }) => job ?? []),
    ...expressions.flatMap(({ expr }) => jobNames(expr)),
  ];
  expect([...new Set(named)].filter((job) => !scraped.has(job))).toEqual([]);
});

test('the Prometheus operator is given the same rules', async () => {
  const object = loadYaml<{ spec: { groups: RuleGroups['groups'] } }>(
    await read('../../components/prometheus-operator/prometheus-rule.yaml'),
  );
  expect(
    object.spec.groups.flatMap((group) => group.rules),
    'run scripts/generate/prometheus-rules.ts',
  ).toEqual(rules);
});

test.each(
  Object.entries(exporters).flatMap(([name, { rooms, metrics }]) =>
    rooms === undefined ? [] : [{ name, rooms, metrics }],
  ),
)('$name names its metrics in its source', async ({ rooms, metrics }) => {
  const sources = await Promise.all(rooms.map((room) => sourceOf(join(services, room))));
  const source = sources.flat().join('\n');
  const created = metrics.map((metric) => metric.replace(/_(bucket|count|sum)$/, ''));
  expect(created.filter((metric) => !source.includes(`'${metric}'`))).toEqual([]);
});

async function sourceOf(folder: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true });
  const sources = files.filter((file) => file.endsWith('.ts') && !file.includes('.test.'));
  return Promise.all(sources.map((file) => readFile(join(folder, file), 'utf8')));
}
