import { describe, test } from 'vitest';
import { checkHealth, type HealthCase } from './testing/health.ts';

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
  test.each<HealthCase>([
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
    [
      'waits for an API server that is too busy to make its pods',
      'in-progress',
      /etcdserver: request timed out/,
      refused('etcdserver: request timed out'),
      three,
    ],
    [
      'fails after its deadline with the reason why its pods cannot be made',
      'failed',
      /exceeded quota: bounds/,
      {
        ...refused('pods "a-1" is forbidden: exceeded quota: bounds'),
        conditions: [
          ...refused('pods "a-1" is forbidden: exceeded quota: bounds').conditions.slice(0, 2),
          { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' },
        ],
      },
      three,
    ],
    [
      'fails where a policy denies its pods',
      'failed',
      /denied the request: no tag/,
      refused('admission webhook "policy.example.com" denied the request: no tag'),
      three,
    ],
  ])('%s', checkHealth('Deployment'));
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
  test.each<HealthCase>([
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
  ])('%s', checkHealth('StatefulSet'));
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
  test.each<HealthCase>([
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
  ])('%s', checkHealth('DaemonSet'));
});
