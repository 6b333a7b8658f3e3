import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { environmentNames } from '../../scripts/render/environments.ts';
import type { Manifest } from '../../scripts/render/manifest.ts';
import { renderEnvironment } from '../../scripts/render/render.ts';
import { exporters, rules } from '../infrastructure/monitoring/expressions.ts';
import { jobNames, metricNames } from '../infrastructure/monitoring/metric-names.ts';
import {
  kubectlCommands,
  linesOf,
  runbookIndex,
  runbookOf,
  runbooks,
  unknownTo,
} from './runbooks.ts';

const alerts = rules.flatMap((rule) =>
  rule.alert === undefined ? [] : [{ ...rule, alert: rule.alert }],
);
const objects: Manifest[] = [];
beforeAll(async () => {
  for (const name of environmentNames) {
    for (const { objects: rendered } of Object.values(await renderEnvironment(name))) {
      objects.push(...rendered);
    }
  }
});

test('each alert has its page, and each page its alert', () => {
  expect([...runbooks.keys()].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
});

test.each(alerts)('$alert names its page, and the page says how it fires', (rule) => {
  const { alert, labels, annotations } = rule;
  expect(annotations?.['runbook']).toBe(runbookOf(alert));
  const fires = rule.for === undefined ? 'Fires at once.' : `Fires after ${rule.for}.`;
  const [title, , head] = runbooks.get(alert)?.split('\n') ?? [];
  expect(title).toBe(`# ${alert}`);
  expect(head).toContain(`Severity: ${labels?.['severity']}. ${fires} Rule: `);
  expect(runbookIndex()).toContain(`| [${alert}](${alert}.md) | ${labels?.['severity']} |`);
});

const exported = Object.values(exporters).flatMap(({ metrics }) => metrics);
const known = new Set([...exported, ...rules.flatMap(({ record }) => record ?? [])]);
const jobs = new Set(Object.values(exporters).flatMap(({ job }) => job ?? []));

test.each([...runbooks])('%s reads only metrics that there are', (_, page) => {
  const lines = linesOf(page, 'promql');
  expect(lines).not.toEqual([]);
  expect(lines.flatMap(metricNames).filter((name) => !known.has(name))).toEqual([]);
  expect(lines.flatMap(jobNames).filter((job) => !jobs.has(job))).toEqual([]);
});

const guide = (name: string): string =>
  readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

test.each([
  ...runbooks,
  ['README', runbookIndex()],
  ['gpu-cluster', guide('gpu-cluster.md')],
  ['upgrade', guide('upgrade.md')],
])('%s names only what the manifests have', (_, page = '') => {
  const commands = kubectlCommands(page);
  expect(commands).not.toEqual([]);
  expect(commands.flatMap((command) => unknownTo(command, objects))).toEqual([]);
});

test('the page on a GPU cluster has every Secret that comes from a store, with its keys', () => {
  const rows = objects
    .filter(({ kind }) => kind === 'ExternalSecret')
    .map((object) => {
      const { data } = object['spec'] as { data: { secretKey: string }[] };
      const keys = data.map(({ secretKey }) => `\`${secretKey}\``).join(', ');
      const { name, namespace } = object.metadata;
      return `| \`darkroom/${name}\` | \`${namespace}\` | ${keys} |`;
    });
  expect(rows).not.toEqual([]);
  const page = guide('gpu-cluster.md');
  expect(rows.filter((row) => !page.includes(row))).toEqual([]);
});

test.each([
  ['kubectl -n dark get pods', ['namespace dark']],
  ['kubectl -n darkroom logs deployment/front', ['Deployment darkroom/front']],
  ['kubectl -n darkroom describe scaledobject worker-x', ['ScaledObject darkroom/worker-x']],
  ['kubectl -n darkroom get scaledobject worker-MODEL', []],
  [
    'kubectl -n darkroom logs -l app.kubernetes.io/name=work',
    ['label app.kubernetes.io/name=work'],
  ],
  ['kubectl -n darkroom logs POD -c frontends', ['container frontends']],
  ['kubectl -n darkroom-data exec service/rabbitmq -- rabbitmqctl status', []],
])('of %s the manifests lack %j', (command, unknown) => {
  expect(unknownTo(command, objects)).toEqual(unknown);
});
