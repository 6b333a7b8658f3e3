import { modelCatalogue } from '@darkroom/contract';
import { brokerDefinitions } from '@darkroom/messaging';
import type { Manifest } from '../../scripts/render/manifest.ts';
import { type Finding, finding } from './finding.ts';

type ScaledObject = {
  triggers: { type: string; metadata: Record<string, string> }[];
};

const label = 'darkroom.dev/model';

/**
 * Each model of the catalogue has its Deployment and its ScaledObject, which look at its own queue
 * and its own work, and nothing of a model is left that the catalogue does not have.
 */
export function checkModels(objects: readonly Manifest[]): Finding[] {
  const catalogue = objects.find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.match(/^models(-[a-z0-9]+)?$/),
  );
  if (catalogue === undefined) return [];
  const files = Object.entries((catalogue['data'] ?? {}) as Record<string, string>);
  const models = files.flatMap(([, text]) => modelCatalogue.parse(JSON.parse(text)).models);
  const findings = files.flatMap(([file, text]) =>
    modelCatalogue
      .parse(JSON.parse(text))
      .models.filter(({ name }) => file !== `${name}.json`)
      .map(({ name }) =>
        finding(
          catalogue,
          `data[${file}]`,
          `the model in it is named ${name}`,
          'give folder, file and model.yaml the same name',
        ),
      ),
  );
  const { queues } = brokerDefinitions(models);
  const ofModels = objects.filter(({ metadata }) => metadata.labels?.[label] !== undefined);
  for (const { name } of models) {
    for (const kind of ['Deployment', 'ScaledObject']) {
      const found = ofModels.some(
        ({ kind: own, metadata }) =>
          own === kind && metadata.name === `worker-${name}` && metadata.labels?.[label] === name,
      );
      if (found) continue;
      findings.push(
        finding(
          catalogue,
          `data[${name}.json]`,
          `there is no ${kind} worker-${name}`,
          `say "model: ${name}" in platform/models/${name}/worker/model.yaml`,
        ),
      );
    }
  }
  for (const object of ofModels) {
    const model = object.metadata.labels?.[label] ?? '';
    if (!models.some(({ name }) => name === model)) {
      findings.push(
        finding(
          object,
          `metadata.labels[${label}]`,
          `the catalogue has no model ${model}`,
          'add its model.json to the ConfigMap models, or correct the name',
        ),
      );
      continue;
    }
    if (object.kind === 'ScaledObject') {
      const names = new Set(queues.map((queue) => queue.name));
      findings.push(...checkTriggers(object, model, names));
    }
  }
  return findings;
}

function checkTriggers(object: Manifest, model: string, queues: ReadonlySet<string>): Finding[] {
  return (object['spec'] as ScaledObject).triggers.flatMap(({ type, metadata }) => {
    const { queueName = '', url = '' } = metadata;
    const at = (field: string) => `spec.triggers[${type}].metadata.${field}`;
    if (type === 'rabbitmq' && !queues.has(queueName)) {
      return [
        finding(
          object,
          at('queueName'),
          `the topology has no queue ${queueName}, and KEDA takes its absence for a failure`,
          `take one of ${[...queues].join(', ')}`,
        ),
      ];
    }
    if (type === 'rabbitmq' && !queueName.endsWith(`.${model}`)) {
      return [
        finding(
          object,
          at('queueName'),
          `${queueName} is another model's queue`,
          `take the queue of ${model}`,
        ),
      ];
    }
    if (type === 'metrics-api' && !url.endsWith(`/scaling/models/${model}`)) {
      return [finding(object, at('url'), `${url} tells of another model`, `end it with ${model}`)];
    }
    return [];
  });
}
