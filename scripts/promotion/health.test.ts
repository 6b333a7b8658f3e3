import { describe, expect, test } from 'vitest';
import { checkHealth, type HealthCase, health } from './testing/health.ts';

describe('a CustomResourceDefinition', () => {
  const named = {
    type: 'NamesAccepted',
    status: 'True',
    reason: 'NoConflicts',
    message: 'no conflicts found',
  };
  test.each<HealthCase>([
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
  ])('%s', checkHealth('CustomResourceDefinition'));
});

describe('an APIService', () => {
  test.each<HealthCase>([
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
  ])('%s', checkHealth('APIService'));
});

describe('a PersistentVolumeClaim', () => {
  test.each<HealthCase>([
    ['is bound', 'current', /^$/, { phase: 'Bound' }],
    ['waits for its volume', 'in-progress', /it is Pending/, { phase: 'Pending' }],
    ['waits for its first status', 'in-progress', /it is not bound/, {}],
  ])('%s', checkHealth('PersistentVolumeClaim'));
});

describe('a Job', () => {
  test.each<HealthCase>([
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
  ])('%s', checkHealth('Job'));
});

describe('an object of any other kind', () => {
  test.each<HealthCase>([
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
  ])('%s', checkHealth('ScaledObject'));

  test('needs no status at all', () => {
    expect(health('ConfigMap', undefined).state).toBe('current');
  });
});
