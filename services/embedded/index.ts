export { findOwner } from './find-owner.ts';
export type { Owner } from './owner-lock.ts';
export { type Embedded, type EmbeddedOptions, startEmbedded } from './start-embedded.ts';
