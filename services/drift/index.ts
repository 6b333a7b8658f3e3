export * from './config.ts';
export * from './offer-result.ts';
