import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

type Exporter = { job?: string; rooms?: string[]; metrics: string[] };
export type Rule = {
  record?: string;
  alert?: string;
  expr: string;
  for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
};
export type RuleGroups = { groups: { rules: Rule[] }[] };
type Panel = { title: string; targets?: { expr: string }[]; panels?: Panel[] };

const path = (name: string) => new URL(name, import.meta.url);
const read = (name: string) => readFileSync(path(name), 'utf8');

/** metrics.yaml: which metric comes from which exporter. */
export const exporters: Record<string, Exporter> = parse(read('metrics.yaml'));

/** All rules, recording and alerting. */
export const rules: Rule[] = readdirSync(path('rules'))
  .filter((name) => !name.includes('.test.'))
  .sort()
  .flatMap((name) => (parse(read(`rules/${name}`)) as RuleGroups).groups)
  .flatMap((group) => group.rules);

const dashboard: { panels: Panel[] } = JSON.parse(read('dashboards/darkroom.json'));
const flat = (panels: Panel[]): Panel[] =>
  panels.flatMap((panel) => [panel, ...flat(panel.panels ?? [])]);

/** Every PromQL expression of rules and dashboard, with the name of what it stands in. */
export const expressions: { name: string; expr: string }[] = [
  ...rules.map(({ record, alert, expr }) => ({ name: record ?? alert ?? '', expr })),
  ...flat(dashboard.panels).flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ name: `panel ${title}`, expr })),
  ),
];
