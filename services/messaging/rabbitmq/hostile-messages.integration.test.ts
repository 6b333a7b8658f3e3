import { testHostileMessages } from '../testing/test-hostile-messages.ts';

// A sample; `npm run test:deep` sends many more.
testHostileMessages(400, 30_000);
