export { keyEntry } from './access/keys-file.ts';
export { newKey } from './access/new-key.ts';
export { openCallers } from './access/open-callers.ts';
export { createFrontend } from './app.ts';
export type { AppRouter } from './router/index.ts';
export type { FrontendServices } from './services.ts';
export { type SweepOptions, startSweep } from './sweep.ts';
export { type WebhookSettings, webhookSettings } from './webhooks/settings.ts';
export { startWebhooks } from './webhooks/start-webhooks.ts';
