export * from './catalogue.ts';
export * from './errors.ts';
export * from './generation.ts';
export * from './messages.ts';
export * from './readable-issues.ts';
export * from './resolve-request.ts';
export * from './schedulers.ts';
export * from './states.ts';
