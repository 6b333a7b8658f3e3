export { createHub, type Hub, type HubModel, type HubOptions } from './hub.ts';
export type { HubFile } from './listing.ts';
