export { askEverything } from './facts.ts';
export { readLedger } from './ledger.ts';
export { startLoad } from './start-load.ts';
export { judge } from './verdict.ts';
