import {
  type GenerationEvent,
  generationEvent,
  type JobMessage,
  jobMessage,
  readableIssues,
} from '@darkroom/contract';

/** Names one message; the same for each of its deliveries. */
export const messageIdOf = (job: JobMessage): string => `${job.generationId}:${job.revision}`;

export type Decoded<T> = { ok: true; value: T } | { ok: false; reason: string };

export const encode = (message: JobMessage | GenerationEvent): Buffer =>
  Buffer.from(JSON.stringify(message));

export function decodeJob(content: Uint8Array): Decoded<JobMessage> {
  const json = parseJson(content);
  if (!json.ok) return json;
  const { success, data, error } = jobMessage.safeParse(json.value);
  return success ? { ok: true, value: data } : { ok: false, reason: readableIssues(error) };
}

export function decodeEvent(content: Uint8Array): Decoded<GenerationEvent> {
  const json = parseJson(content);
  if (!json.ok) return json;
  const { success, data, error } = generationEvent.safeParse(json.value);
  return success ? { ok: true, value: data } : { ok: false, reason: readableIssues(error) };
}

function parseJson(content: Uint8Array): Decoded<unknown> {
  try {
    return { ok: true, value: JSON.parse(Buffer.from(content).toString('utf8')) };
  } catch {
    return { ok: false, reason: 'not JSON' };
  }
}
