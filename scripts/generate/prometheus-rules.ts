// `node scripts/run.js scripts/generate/prometheus-rules.ts`: writes the rules of
// platform/infrastructure/monitoring once more, as the object that the Prometheus operator reads.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dumpYaml, loadYaml } from '@kubernetes/client-node';
import { repository } from '../repository.ts';

const folder = join(repository, 'platform/infrastructure/monitoring/rules');
const names = (await readdir(folder)).filter((name) => !name.includes('.test.')).sort();
const files = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
const object = {
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  metadata: {
    name: 'darkroom',
    namespace: 'monitoring',
    labels: { 'app.kubernetes.io/name': 'prometheus', 'app.kubernetes.io/part-of': 'darkroom' },
  },
  spec: { groups: files.flatMap((file) => loadYaml<{ groups: object[] }>(file).groups) },
};
await writeFile(
  join(repository, 'platform/components/prometheus-operator/prometheus-rule.yaml'),
  '# Written by scripts/generate/prometheus-rules.ts from platform/infrastructure/monitoring/rules.\n' +
    dumpYaml(object, { lineWidth: -1, noRefs: true }),
);
