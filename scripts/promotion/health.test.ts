import { describe, expect, test } from 'vitest';
import { type Health, healthOf } from './health.ts';

type State = Health['state'];
type Case = [what: string, state: State, message: RegExp, status: object, more?: object];

const health = (kind: string, status: object | undefined, more: object = {}) =>
  healthOf({
    apiVersion: 'v1',
    kind,
    metadata: { name: 'a', generation: 2 } as { name: string },
    ...more,
    ...(status && { status }),
  });
const check =
  (kind: string) => (_: string, state: State, message: RegExp, status: object, more?: object) => {
    const found = health(kind, status, more);
    expect(found).toEqual({ state, message: expect.stringMatching(message) });
  };

describe('a Deployment', () => {
  const available = { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable' };
  const progressing = { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' };
  const all = {
    observedGeneration: 2,
    replicas: 3,
    updatedReplicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    conditions: [available, progressing],
  };
  const three = { spec: { replicas: 3 } };
  const refused = (message: string) => ({
    ...all,
    availableReplicas: 2,
    unavailableReplicas: 1,
    conditions: [
      available,
      { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message },
      { ...progressing, reason: 'ReplicaSetUpdated' },
    ],
  });
  test.each<Case>([
    ['runs with all of its pods', 'current', /^$/, all, three],
    [
      'runs with none where none are wanted',
      'current',
      /^$/,
      { observedGeneration: 2 },
      { spec: { replicas: 0 } },
    ],
    [
      'waits for its controller',
      'in-progress',
      /not seen it yet/,
      { ...all, observedGeneration: 1 },
      three,
    ],
    [
      'waits for its first status, which wants one pod',
      'in-progress',
      /0 of 1 pods are of this release/,
      {},
    ],
    [
      'waits for pods of this release',
      'in-progress',
      /1 of 3 pods are of this release/,
      { ...all, replicas: 4, updatedReplicas: 1 },
      three,
    ],
    [
      'waits for pods of another release to end',
      'in-progress',
      /1 pods of another release end/,
      { ...all, replicas: 4 },
      three,
    ],
    [
      'waits for pods to be available',
      'in-progress',
      /2 of 3 pods are available/,
      { ...all, availableReplicas: 2 },
      three,
    ],
    [
      'fails after its deadline',
      'failed',
      /ReplicaSet "frontend-5d8" has timed out progressing/,
      {
        ...all,
        updatedReplicas: 1,
        conditions: [
          {
            type: 'Progressing',
            status: 'False',
            reason: 'ProgressDeadlineExceeded',
            message: 'ReplicaSet "frontend-5d8" has timed out progressing.',
          },
        ],
      },
      three,
    ],
    [
      'fails where its pods are forbidden',
      'failed',
      /violates PodSecurity/,
      refused('pods "a-1" is forbidden: violates PodSecurity "restricted:latest": privileged'),
      three,
    ],
    [
      'waits where a quota is full, since pods that end still count in it',
      'in-progress',
      /exceeded quota: bounds/,
      refused(
        'pods "a-1" is forbidden: exceeded quota: bounds, requested: requests.nvidia.com/gpu=1',
      ),
      three,
    ],
    [
      'waits for a webhook that does not answer',
      'in-progress',
      /failed calling webhook/,
      refused('Internal error occurred: failed calling webhook "x": connection refused'),
      three,
    ],
  ])('%s', check('Deployment'));
});

describe('a StatefulSet', () => {
  const all = {
    observedGeneration: 2,
    replicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    currentReplicas: 3,
    updatedReplicas: 3,
    currentRevision: 'rabbitmq-6b',
    updateRevision: 'rabbitmq-6b',
  };
  const three = { spec: { replicas: 3 } };
  test.each<Case>([
    ['runs with all of its pods', 'current', /^$/, all, three],
    ['waits for its controller', 'in-progress', /not seen it yet/, { replicas: 0 }, three],
    [
      'waits for pods of this release',
      'in-progress',
      /1 of 3 pods are of this/,
      { ...all, updatedReplicas: 1, updateRevision: 'rabbitmq-7c' },
      three,
    ],
    [
      'waits for pods to be ready',
      'in-progress',
      /2 of 3 pods are available/,
      { ...all, readyReplicas: 2 },
      three,
    ],
    [
      'waits for pods that are too many to end',
      'in-progress',
      /1 pods of another release end/,
      { ...all, replicas: 4 },
      three,
    ],
  ])('%s', check('StatefulSet'));
});

describe('a DaemonSet', () => {
  const all = {
    observedGeneration: 2,
    currentNumberScheduled: 2,
    desiredNumberScheduled: 2,
    updatedNumberScheduled: 2,
    numberReady: 2,
    numberAvailable: 2,
  };
  test.each<Case>([
    ['runs on all of its nodes', 'current', /^$/, all],
    [
      'runs where no node is one of its own',
      'current',
      /^$/,
      { observedGeneration: 2, desiredNumberScheduled: 0 },
    ],
    ['waits for its controller', 'in-progress', /not seen it yet/, {}],
    [
      'waits for pods of this release',
      'in-progress',
      /1 of 2 pods are of this release/,
      { ...all, updatedNumberScheduled: 1 },
    ],
    [
      'waits for pods to be available',
      'in-progress',
      /0 of 2 pods are available/,
      { ...all, numberAvailable: undefined },
    ],
  ])('%s', check('DaemonSet'));
});

describe('a CustomResourceDefinition', () => {
  const named = {
    type: 'NamesAccepted',
    status: 'True',
    reason: 'NoConflicts',
    message: 'no conflicts found',
  };
  test.each<Case>([
    [
      'is served once it is established',
      'current',
      /^$/,
      { conditions: [named, { type: 'Established', status: 'True' }] },
    ],
    [
      'waits until then',
      'in-progress',
      /not established/,
      { conditions: [named, { type: 'Established', status: 'False', reason: 'Installing' }] },
    ],
    ['waits for its first condition', 'in-progress', /not established/, {}],
    [
      'fails where another has its names',
      'failed',
      /"ScaledObjects" is already in use/,
      {
        conditions: [
          {
            type: 'NamesAccepted',
            status: 'False',
            reason: 'PluralConflict',
            message: '"ScaledObjects" is already in use',
          },
        ],
      },
    ],
  ])('%s', check('CustomResourceDefinition'));
});

describe('an APIService', () => {
  test.each<Case>([
    [
      'is available',
      'current',
      /^$/,
      { conditions: [{ type: 'Available', status: 'True', reason: 'Passed' }] },
    ],
    [
      'waits for what serves it',
      'in-progress',
      /no response from https/,
      {
        conditions: [
          {
            type: 'Available',
            status: 'False',
            reason: 'FailedDiscoveryCheck',
            message: 'no response from https://10.0.0.1',
          },
        ],
      },
    ],
    ['waits for its first condition', 'in-progress', /it is not available/, {}],
  ])('%s', check('APIService'));
});

describe('a PersistentVolumeClaim', () => {
  test.each<Case>([
    ['is bound', 'current', /^$/, { phase: 'Bound' }],
    ['waits for its volume', 'in-progress', /it is Pending/, { phase: 'Pending' }],
    ['waits for its first status', 'in-progress', /it is not bound/, {}],
  ])('%s', check('PersistentVolumeClaim'));
});

describe('a Job', () => {
  test.each<Case>([
    [
      'is done once it is complete',
      'current',
      /^$/,
      {
        succeeded: 1,
        conditions: [
          { type: 'SuccessCriteriaMet', status: 'True' },
          { type: 'Complete', status: 'True' },
        ],
      },
    ],
    [
      'waits while it runs',
      'in-progress',
      /not complete/,
      { active: 1, ready: 1, startTime: '2026-01-01T00:00:00Z' },
    ],
    [
      'fails with its pod',
      'failed',
      /reached the specified backoff limit/,
      {
        failed: 1,
        conditions: [
          {
            type: 'Failed',
            status: 'True',
            reason: 'BackoffLimitExceeded',
            message: 'Job has reached the specified backoff limit',
          },
        ],
      },
    ],
  ])('%s', check('Job'));
});

describe('an object of any other kind', () => {
  test.each<Case>([
    ['is as it was applied where it has no conditions', 'current', /^$/, {}],
    [
      'is ready',
      'current',
      /^$/,
      { conditions: [{ type: 'Ready', status: 'True', reason: 'ScaledObjectReady' }] },
    ],
    [
      'waits until it is ready',
      'in-progress',
      /could not get secret data/,
      {
        conditions: [
          {
            type: 'Ready',
            status: 'False',
            reason: 'SecretSyncedError',
            message: 'could not get secret data',
          },
        ],
      },
    ],
    [
      'waits for its controller',
      'in-progress',
      /not seen it yet/,
      { observedGeneration: 1, conditions: [{ type: 'Ready', status: 'True' }] },
    ],
    [
      'fails where it is stalled',
      'failed',
      /no such chart/,
      { conditions: [{ type: 'Stalled', status: 'True', message: 'no such chart' }] },
    ],
    [
      'takes no part in conditions that say nothing of it',
      'current',
      /^$/,
      {
        conditions: [
          { type: 'Active', status: 'False' },
          { type: 'Fallback', status: 'True' },
        ],
      },
    ],
  ])('%s', check('ScaledObject'));

  test('needs no status at all', () => {
    expect(health('ConfigMap', undefined).state).toBe('current');
  });
});
