import { readdirSync, readFileSync } from 'node:fs';
import type { Manifest } from '../../scripts/render/manifest.ts';

const folder = new URL('../../docs/runbooks/', import.meta.url);
export const runbookOf = (alert: string): string => `docs/runbooks/${alert}.md`;

/** The pages of docs/runbooks by the alert's name, without their index. */
export const runbooks: ReadonlyMap<string, string> = new Map(
  readdirSync(folder)
    .filter((name) => name.endsWith('.md') && name !== 'README.md')
    .map((name) => [name.slice(0, -3), readFileSync(new URL(name, folder), 'utf8')]),
);
export const runbookIndex = (): string => readFileSync(new URL('README.md', folder), 'utf8');

/** The lines of a page's blocks of one language. */
export const linesOf = (page: string, language: 'sh' | 'promql'): string[] =>
  [...page.matchAll(new RegExp(`^ *\`\`\`${language}\\n(.*?)^ *\`\`\``, 'gms'))]
    .flatMap(([, block = '']) => block.split('\n'))
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** Every command of kubectl on a page, in its blocks and in its text, up to a pipe. */
export function kubectlCommands(page: string): string[] {
  const inText = page.replace(/^ *```.*?^ *```/gms, '').matchAll(/`(kubectl [^`]+)`/g);
  return [...linesOf(page, 'sh'), ...[...inText].map(([, command = '']) => command)]
    .filter((line) => line.startsWith('kubectl '))
    .map((line) => line.replace(/\s+/g, ' ').split(' | ')[0] ?? '');
}

/** As kubectl names what is namespaced and made by the manifests, with the kind. */
const kinds: Readonly<Record<string, string>> = {
  configmap: 'ConfigMap',
  cronjob: 'CronJob',
  daemonset: 'DaemonSet',
  deployment: 'Deployment',
  networkpolicy: 'NetworkPolicy',
  rabbitmqcluster: 'RabbitmqCluster',
  resourcequota: 'ResourceQuota',
  scaledobject: 'ScaledObject',
  service: 'Service',
  statefulset: 'StatefulSet',
};

type Labels = Record<string, string>;
type Template = { metadata?: { labels?: Labels }; spec?: { containers?: { name: string }[] } };

/**
 * What a command names that no manifest has: its namespace, the object, the container, the labels. Words in
 * capitals, such as POD, stand for what an alert says, and MODEL for the name of a model.
 */
export function unknownTo(command: string, objects: readonly Manifest[]): string[] {
  const text = command.replaceAll('MODEL', 'pinhole').split(' -- ')[0] ?? '';
  const option = (pattern: RegExp) => pattern.exec(text)?.[1];
  const namespace = option(/ (?:-n|--namespace) (\S+)/);
  const isThere = (kind: string, name: string) =>
    objects.some(
      ({ kind: of, metadata }) =>
        of === kind && metadata.name === name && metadata.namespace === namespace,
    );
  const unknown: string[] = [];
  const isFree = namespace === undefined || /^[A-Z]+$/.test(namespace);
  const namespaces = objects.filter(({ kind }) => kind === 'Namespace');
  if (!isFree && !namespaces.some(({ metadata }) => metadata.name === namespace)) {
    unknown.push(`namespace ${namespace}`);
  }
  const words = text.split(' ');
  for (const [i, word] of words.entries()) {
    const [type = '', name = words[i + 1] ?? '-'] = word.split('/');
    const kind = kinds[type];
    if (kind === undefined || /^-/.test(name) || /^[A-Z]+$/.test(name)) continue;
    if (!isThere(kind, name)) unknown.push(`${kind} ${namespace}/${name}`);
  }
  const templates = objects
    .filter(({ metadata }) => isFree || metadata.namespace === namespace)
    .map((object) => ({
      own: object.metadata.labels,
      of: (object['spec'] as { template?: Template } | undefined)?.template,
    }));
  const container = option(/ -c (\S+)/);
  if (
    container !== undefined &&
    !templates.some(({ of }) => of?.spec?.containers?.some(({ name }) => name === container))
  ) {
    unknown.push(`container ${container}`);
  }
  const selector = option(/ -l (\S+)/);
  for (const pair of selector?.split(',') ?? []) {
    const [key = '', value] = pair.split('=');
    // Kubernetes' own, of objects that it makes.
    if (key.startsWith('kubernetes.io/')) continue;
    const has = (labels: Labels | undefined) => labels?.[key] === value;
    if (!templates.some(({ own, of }) => has(own) || has(of?.metadata?.labels))) {
      unknown.push(`label ${pair}`);
    }
  }
  return unknown;
}
