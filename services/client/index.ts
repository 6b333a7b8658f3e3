export { TRPCClientError } from '@trpc/client';
export { type ClientOptions, createClient, type DarkroomClient } from './client.ts';
export type { FetchImageOptions } from './fetch-image.ts';
export { UnreachableError } from './persist.ts';
export type {
  AppRouter,
  Generation,
  GenerationInput,
  GenerationState,
  Image,
  Preview,
  Progress,
  Upload,
} from './types.ts';
export type { WaitOptions } from './watch-to-end.ts';
