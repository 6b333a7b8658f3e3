import { describe, expect, test } from 'vitest';
import { type PodObject, whyHopeless } from './health.ts';

describe('a pod that is not ready', () => {
  type PodStatus = NonNullable<PodObject['status']>;
  const why = (status: PodStatus) =>
    whyHopeless({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a-1' }, status });
  const waiting = (
    reason: string,
    message?: string,
    restartCount = 0,
    lastState = {},
  ): PodStatus => ({
    phase: 'Pending',
    containerStatuses: [
      { name: 'sidecar', restartCount: 0, state: {} },
      {
        name: 'app',
        restartCount,
        state: { waiting: { reason, ...(message && { message }) } },
        lastState,
      },
    ],
  });
  const endedAfter = (seconds: number, startedAt = '2026-01-01T00:00:00Z') => ({
    terminated: {
      exitCode: 137,
      reason: 'OOMKilled',
      startedAt,
      finishedAt: new Date(Date.UTC(2026, 0, 1) + seconds * 1_000).toISOString(),
    },
  });
  const ended = endedAfter(9);
  const pull = 'Back-off pulling image "example.com/app@sha256:1": ErrImagePull: rpc error: ';

  test.each<[what: string, status: PodStatus, words: RegExp]>([
    [
      'whose image is not there',
      waiting('ImagePullBackOff', `${pull}example.com/app@sha256:1: not found`),
      /pod a-1, container app: ImagePullBackOff: .*not found/,
    ],
    [
      'whose image its node may not pull',
      waiting('ImagePullBackOff', `${pull}failed to authorize: 401 Unauthorized`),
      /401 Unauthorized/,
    ],
    [
      "whose image is of another machine's kind",
      waiting('ImagePullBackOff', `${pull}no match for platform in manifest`),
      /no match for platform/,
    ],
    [
      'whose image has no name',
      waiting('InvalidImageName', "couldn't parse image name"),
      /InvalidImageName: couldn't parse/,
    ],
    [
      'whose settings are missing',
      waiting('CreateContainerConfigError', 'configmap "x" not found'),
      /configmap "x" not found/,
    ],
    [
      'whose program is missing',
      waiting('CreateContainerError', 'exec: "nod": executable file not found'),
      /executable file not found/,
    ],
    [
      'that ended again and again',
      waiting('CrashLoopBackOff', 'back-off 40s', 3, ended),
      /it ended 3 times, with 137 \(OOMKilled\)/,
    ],
    [
      'that could not even be started',
      waiting('CrashLoopBackOff', 'back-off 40s', 3, endedAfter(0, '1970-01-01T00:00:00Z')),
      /it ended 3 times/,
    ],
    ['that is to run once, and failed', { phase: 'Failed' }, /pod a-1 failed$/],
    [
      'whose first container cannot run',
      {
        phase: 'Pending',
        initContainerStatuses: [
          { name: 'fetch', restartCount: 4, state: { waiting: { reason: 'CrashLoopBackOff' } } },
        ],
      },
      /container fetch: it ended 4 times, with no \(no reason told\)/,
    ],
  ])('is hopeless %s', (_, status, words) => {
    expect(why(status)).toMatch(words);
  });

  test.each<[what: string, status: PodStatus]>([
    ['that has no status yet', {}],
    [
      'that runs',
      { phase: 'Running', containerStatuses: [{ name: 'app', restartCount: 9, state: {} }] },
    ],
    ['whose node fetches its image', waiting('ContainerCreating')],
    ['whose image could not be pulled once', waiting('ErrImagePull', 'not found')],
    [
      'whose registry does not answer',
      waiting('ImagePullBackOff', `${pull}dial tcp 10.0.0.1:443: connect: connection refused`),
    ],
    [
      'whose node is too busy to make its container',
      waiting('CreateContainerError', 'context deadline exceeded'),
    ],
    [
      'whose sandbox is made anew',
      waiting('CreateContainerError', 'sandbox container "ab" not found'),
    ],
    [
      'whose node has not read its settings yet',
      waiting('CreateContainerConfigError', 'failed to sync secret cache: timed out'),
    ],
    [
      'that ran for a while each time',
      waiting('CrashLoopBackOff', 'back-off 40s', 3, endedAfter(10)),
    ],
    ['that ended once or twice', waiting('CrashLoopBackOff', 'back-off 20s', 2, ended)],
    ['that waits for the containers before it', waiting('PodInitializing')],
    [
      'that was evicted',
      { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' },
    ],
    [
      'that another was more important than',
      { phase: 'Failed', conditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    ],
    [
      'whose node was shut down',
      {
        phase: 'Failed',
        reason: 'Terminated',
        message: 'Pod was terminated in response to imminent node shutdown.',
      },
    ],
    [
      'whose node had no GPU for it just then',
      {
        phase: 'Failed',
        reason: 'UnexpectedAdmissionError',
        message: 'no healthy devices present',
      },
    ],
  ])('may still become so %s', (_, status) => {
    expect(why(status)).toBeUndefined();
  });

  test('is not hopeless on its way out, however it ended', () => {
    const metadata = { name: 'a-1', deletionTimestamp: '2026-01-01T00:00:00Z' };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata, status: { phase: 'Failed' } };
    expect(whyHopeless(pod)).toBeUndefined();
  });

  test('is told in no more words than a line holds', () => {
    const long = waiting('InvalidImageName', 'x'.repeat(5_000));
    expect(why(long)?.length).toBeLessThan(400);
  });
});
