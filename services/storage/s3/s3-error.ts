import { S3ServiceException } from '@aws-sdk/client-s3';
import { DarkroomError } from '@darkroom/contract';

export type Where = { endpoint: string; bucket: string };

const CREDENTIALS = 'check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and what they may do';

/** What does not pass with time, by the store's own error names; HEAD answers have a status only. */
const REMEDIES: Readonly<Record<string, string>> = {
  NoSuchBucket: 'there is no such bucket: create it, or correct S3_BUCKET',
  NotFound: `there is no such bucket or access key: create it, correct S3_BUCKET, ${CREDENTIALS}`,
  InvalidBucketName: 'that is no bucket name: correct S3_BUCKET',
  InvalidAccessKeyId: `the access key is not known: ${CREDENTIALS}`,
  // versitygw's word for it.
  XAdminUserNotFound: `the access key is not known: ${CREDENTIALS}`,
  SignatureDoesNotMatch: `the secret key is wrong: ${CREDENTIALS}`,
  AccessDenied: `access is denied: ${CREDENTIALS}`,
  Forbidden: `access is denied: ${CREDENTIALS}`,
  '403': `access is denied: ${CREDENTIALS}`,
  AuthorizationHeaderMalformed: 'the region does not fit: correct AWS_REGION',
  PermanentRedirect: 'the bucket is elsewhere: correct S3_ENDPOINT and AWS_REGION',
};

/** Says of a failed call what happened, why, and what to do. */
export function s3Error(what: string, { endpoint, bucket }: Where, cause: unknown): DarkroomError {
  if (cause instanceof DarkroomError) return cause;
  const failed = `cannot ${what} in bucket ${bucket} at ${endpoint}`;
  const remedy = REMEDIES[nameOf(cause)];
  if (remedy !== undefined) {
    return new DarkroomError('configuration', `${failed}: ${remedy}`, { cause });
  }
  const why =
    cause instanceof S3ServiceException
      ? `the store answers ${cause.$metadata.httpStatusCode ?? ''} ${cause.name}: look at its log and free space`
      : `the store cannot be reached (${reasonOf(cause)}): start it, or correct S3_ENDPOINT`;
  return new DarkroomError('unavailable', `${failed}: ${why}`, { cause });
}

export const isMissing = (error: unknown): boolean => nameOf(error) === 'NoSuchKey';

function nameOf(error: unknown): string {
  if (!(error instanceof S3ServiceException)) return '';
  const status = String(error.$metadata.httpStatusCode ?? '');
  return error.name in REMEDIES || status !== '403' ? error.name : status;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? String(error.code) : error.message || error.name;
}
