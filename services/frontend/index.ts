export { createFrontend } from './app.ts';
export type { AppRouter } from './router/index.ts';
export type { FrontendServices } from './services.ts';
export { type SweepOptions, startSweep } from './sweep.ts';
