import { describe } from 'vitest';
import type { GenerationStore } from '../store.ts';
import { testBatch } from './contract-batch.ts';
import { testCancel } from './contract-cancel.ts';
import { testClaim } from './contract-claim.ts';
import { testCreate } from './contract-create.ts';
import { testHistories } from './contract-histories.ts';
import { testList } from './contract-list.ts';
import { testQueues } from './contract-queues.ts';
import { testRetention } from './contract-retention.ts';
import { testRuns } from './contract-runs.ts';
import { testSweep } from './contract-sweep.ts';
import { testUploads } from './contract-uploads.ts';
import { testWebhooks } from './contract-webhooks.ts';
import { testWork } from './contract-work.ts';
import { testWorkers } from './contract-workers.ts';

/** What every driver of the store promises, race conditions aside. `store` is asked for per test. */
export function testStore(store: () => GenerationStore): void {
  // First, while the store is empty: its sweeps go over all that other tests leave.
  describe('histories', () => testHistories(store));
  describe('create', () => testCreate(store));
  describe('calls at once', () => testBatch(store));
  describe('list', () => testList(store));
  describe('queues', () => testQueues(store));
  describe('retention', () => testRetention(store));
  describe('claim', () => testClaim(store));
  describe('work', () => testWork(store));
  describe('cancel', () => testCancel(store));
  describe('runs', () => testRuns(store));
  describe('workers', () => testWorkers(store));
  describe('sweep', () => testSweep(store));
  describe('uploads', () => testUploads(store));
  describe('webhooks', () => testWebhooks(store));
}
