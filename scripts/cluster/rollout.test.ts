import { expect, test } from 'vitest';
import { isRolledOut } from './rollout.ts';

const deployment = (status: Record<string, number>, replicas?: number) => ({
  kind: 'Deployment',
  metadata: { name: 'frontend', namespace: 'darkroom', generation: 2 },
  spec: {
    selector: { matchLabels: {} },
    ...(replicas !== undefined && { replicas }),
  },
  status,
});
const done = { observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2 };

test.each([
  ['as it was applied', done, true],
  ['of a spec that is not seen yet', { ...done, observedGeneration: 1 }, false],
  ['with an old pod left', { ...done, replicas: 3 }, false],
  ['with a new pod that is not ready', { ...done, readyReplicas: 1 }, false],
])('a Deployment %s', (_, status, wanted) => {
  expect(isRolledOut(deployment(status, 2))).toBe(wanted);
});

test('a Deployment that is scaled to none has nothing to wait for', () => {
  expect(isRolledOut(deployment({ observedGeneration: 2 }, 0))).toBe(true);
});

test('a DaemonSet waits for each node', () => {
  const daemonSet = (numberReady: number) => ({
    ...deployment({
      ...{ observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 2 },
      numberReady,
    }),
    kind: 'DaemonSet',
  });
  expect(isRolledOut(daemonSet(1))).toBe(false);
  expect(isRolledOut(daemonSet(2))).toBe(true);
});
