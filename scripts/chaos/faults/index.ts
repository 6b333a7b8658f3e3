import type { FaultKind } from './fault.ts';
import { inferenceKilled, serviceKilled } from './killed.ts';

export const faultKinds: readonly FaultKind[] = [serviceKilled, inferenceKilled];
