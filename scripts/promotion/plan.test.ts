import { expect, test } from 'vitest';
import { type PlanFacts, planOf, stepNames, tellPlan } from './plan.ts';

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'frontend', namespace: 'darkroom' },
};
const facts: PlanFacts = {
  release: '0.2.0-abc',
  lock: 'sha256:2',
  from: 'staging',
  to: 'production',
  previous: '0.1.0-abc',
  continues: false,
  images: [
    { digest: 'sha256:a', from: 'staging.example.com/frontend', to: 'example.com/frontend' },
    { digest: 'sha256:b', from: 'docker.io/postgres', to: 'docker.io/postgres' },
  ],
  models: [
    { name: 'dots', digest: 'sha256:c', from: 's3://a/models/dots', to: 's3://b/models/dots' },
    { name: 'lines', digest: 'sha256:d', from: 's3://b/models/lines', to: 's3://b/models/lines' },
  ],
  waves: [
    { name: 'foundations', objects: [] },
    { name: 'workloads', objects: [deployment] },
  ],
  changes: [
    { object: 'Service darkroom/frontend', action: 'create', fields: [] },
    {
      object: 'Deployment darkroom/frontend',
      action: 'change',
      fields: [
        { object: 'Deployment darkroom/frontend', field: 'spec.replicas', was: 2, is: 3 },
        { object: 'Deployment darkroom/frontend', field: 'spec.paused', was: undefined, is: true },
      ],
    },
  ],
  obsolete: [{ ...deployment, metadata: { name: 'gone', namespace: 'darkroom' } }],
};

test('the same facts give the same bytes, in whatever order the cluster told its changes', () => {
  const bytes = JSON.stringify(planOf(facts));
  expect(JSON.stringify(planOf(structuredClone(facts)))).toBe(bytes);
  expect(JSON.stringify(planOf({ ...facts, changes: facts.changes.toReversed() }))).toBe(bytes);
});

test('making it changes no fact', () => {
  const before = structuredClone(facts);
  planOf(facts);
  expect(facts).toEqual(before);
});

test('it is plain data: kept as JSON it is the same plan, and told the same', () => {
  const plan = planOf(facts);
  const kept = JSON.parse(JSON.stringify(plan));
  expect(kept).toEqual(plan);
  expect(tellPlan(kept)).toBe(tellPlan(plan));
});

test('it counts the objects of each wave, and lists deletions among the changes', () => {
  const { waves, changes, steps } = planOf(facts);
  expect(waves).toEqual([
    { name: 'foundations', objects: 0 },
    { name: 'workloads', objects: 1 },
  ]);
  expect(changes.map(({ action, object }) => `${action} ${object}`)).toEqual([
    'change Deployment darkroom/frontend',
    'delete Deployment darkroom/gone',
    'create Service darkroom/frontend',
  ]);
  expect(steps).toEqual(stepNames);
});

test('people read each field with what it was and what it becomes', () => {
  expect(tellPlan(planOf(facts))).toBe(
    [
      '0.2.0-abc (sha256:2) from staging to production',
      'before:  0.1.0-abc',
      'images:  2 by digest, 1 between registries',
      'models:  2 by digest, 1 between object stores',
      '  dots sha256:c from s3://a/models/dots to s3://b/models/dots',
      '  lines sha256:d is expected at s3://b/models/lines',
      'changes: 3',
      '  change Deployment darkroom/frontend',
      '      spec.replicas was 2, is 3',
      '      spec.paused was nothing, is true',
      '  delete Deployment darkroom/gone',
      '  create Service darkroom/frontend',
    ].join('\n'),
  );
});

test('a first release, one that is gone on with, and one that changes nothing are told', () => {
  const told = tellPlan(
    planOf({
      ...facts,
      ...{ from: null, previous: null, continues: true, models: [], changes: [], obsolete: [] },
    }),
  );
  expect(told.split('\n')).toEqual([
    '0.2.0-abc (sha256:2) enters production',
    'before:  no release; an interrupted promotion is gone on with',
    expect.stringMatching(/^images:/),
    'models:  0 by digest, 0 between object stores',
    'changes: none',
  ]);
});
