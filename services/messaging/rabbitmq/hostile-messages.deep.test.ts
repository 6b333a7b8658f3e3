import { testHostileMessages } from '../testing/test-hostile-messages.ts';

testHostileMessages(20_000, 1_200_000);
