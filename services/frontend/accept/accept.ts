import type {
  EvidenceDetail,
  Generation,
  GenerationInput,
  ModelEntry,
  Upload,
} from '@darkroom/contract';
import { cancelGeneration } from './cancel.ts';
import { createGeneration } from './create.ts';
import { deleteGeneration } from './delete.ts';
import type { GenerationId, ListInput, RedriveInput, WatchInput } from './inputs.ts';
import { findPicture, type Picture, type PictureName } from './picture.ts';
import { type GenerationPage, getGeneration, listGenerations } from './read.ts';
import { redriveGeneration } from './redrive.ts';
import type { Requester } from './requester.ts';
import type { AcceptServices } from './services.ts';
import { readEvidence, readStatus, type SystemStatus } from './status.ts';
import { keepUpload } from './uploads.ts';
import { type WatchEvent, watchGeneration } from './watch.ts';

/**
 * Everything that callers may ask for, whatever they speak. An adapter (tRPC, HTTP) identifies the
 * caller, checks its scopes and the input's shape, and translates; all else happens behind here.
 * All inputs are valid by the schemas of `inputs.ts`; every method throws DarkroomError.
 */
export type Accept = {
  create(input: GenerationInput, requester: Requester): Promise<Generation>;
  get(input: GenerationId, requester: Requester): Promise<Generation>;
  /** Newest first. */
  list(input: ListInput, requester: Requester): Promise<GenerationPage>;
  /** Asks for the end of a generation; the answer says how far that has come. */
  cancel(input: GenerationId, requester: Requester): Promise<Generation>;
  redrive(input: RedriveInput, requester: Requester): Promise<Generation>;
  /** Removes a finished generation with its pictures, for good. */
  delete(input: GenerationId, requester: Requester): Promise<{ id: string }>;
  /**
   * The generation now, then whenever it has changed, until it is finished.
   * @param signal of the caller; aborts when it is gone
   */
  watch(
    input: WatchInput,
    requester: Requester,
    signal: AbortSignal | undefined,
  ): AsyncIterable<WatchEvent>;
  /** Undefined where the caller has none of this name. */
  picture(input: PictureName, requester: Requester): Promise<Picture | undefined>;
  /** Keeps a picture file, for requests of the same tenant to name. */
  upload(file: Uint8Array, requester: Requester): Promise<Upload>;
  /** Every model that may be asked for, with its limits and defaults. */
  models(): ModelEntry[];
  /** How the service is; answers whatever is broken behind it. */
  status(): Promise<SystemStatus>;
  /** Why attempts at a generation of any tenant were lost, for operators. */
  evidence(input: GenerationId): Promise<EvidenceDetail[]>;
};

export const createAccept = (services: AcceptServices): Accept => ({
  create: (input, requester) => createGeneration(input, requester, services),
  get: (input, requester) => getGeneration(input, requester, services),
  list: (input, requester) => listGenerations(input, requester, services),
  cancel: (input, requester) => cancelGeneration(input, requester, services),
  redrive: (input, requester) => redriveGeneration(input, requester, services),
  delete: (input, requester) => deleteGeneration(input, requester, services),
  watch: (input, requester, signal) => watchGeneration(input, requester, signal, services),
  picture: (input, requester) => findPicture(input, requester, services),
  upload: (file, requester) => keepUpload(file, requester, services),
  models: () => services.catalogue.models,
  status: () => readStatus(services),
  evidence: (input) => readEvidence(input, services),
});
