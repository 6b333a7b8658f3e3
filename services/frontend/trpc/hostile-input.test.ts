import { openPgliteStore } from '@darkroom/generations';
import { testHostileInput } from '../testing/hostile/test-hostile-input.ts';

// A sample; `npm run test:deep` makes a million.
testHostileInput({ calls: 3_000, timeout: 60_000, store: openPgliteStore });
