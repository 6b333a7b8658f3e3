import { S3ServiceException } from '@aws-sdk/client-s3';
import { DarkroomError } from '@darkroom/contract';

export type Where = { endpoint: string; bucket: string };

const CREDENTIALS = 'check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and what they may do';
const DENIED = `access is denied: ${CREDENTIALS}`;
const EXPIRED = 'the credentials have expired: renew them';
const REGION = 'the region does not fit: correct AWS_REGION';
const ELSEWHERE = 'the bucket is elsewhere: correct S3_ENDPOINT and AWS_REGION';

/**
 * What an operator must correct, by the error's name, or else by the status of the answer: HEAD
 * answers have nothing else, and stores have names of their own.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
 */
const REMEDIES: Readonly<Record<string, string>> = {
  NoSuchBucket: 'there is no such bucket: create it, or correct S3_BUCKET',
  NotFound: `there is no such bucket or access key: create it, correct S3_BUCKET, ${CREDENTIALS}`,
  InvalidBucketName: 'that is no bucket name: correct S3_BUCKET',
  InvalidAccessKeyId: `the access key is not known: ${CREDENTIALS}`,
  // versitygw's word for it.
  XAdminUserNotFound: `the access key is not known: ${CREDENTIALS}`,
  SignatureDoesNotMatch: `the secret key is wrong: ${CREDENTIALS}`,
  ExpiredToken: EXPIRED,
  ExpiredTokenException: EXPIRED,
  TokenRefreshRequired: EXPIRED,
  InvalidToken: `the session token is not valid: ${CREDENTIALS}`,
  RequestTimeTooSkewed: "this machine's clock and the store's differ too much: correct the clocks",
  // The SDK finds no credentials before it asks the store.
  CredentialsProviderError: `there are no credentials: ${CREDENTIALS}`,
  AuthorizationHeaderMalformed: REGION,
  IllegalLocationConstraintException: REGION,
  PermanentRedirect: ELSEWHERE,
  '301': ELSEWHERE,
  '401': DENIED,
  '403': DENIED,
};

/**
 * Says of a failed call what happened, why, and what to do: `configuration` for what an operator must
 * correct, `unavailable` for the rest.
 */
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
  if (!(error instanceof Error)) return '';
  if (error.name in REMEDIES || !(error instanceof S3ServiceException)) return error.name;
  const status = String(error.$metadata.httpStatusCode ?? '');
  return status in REMEDIES ? status : error.name;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? String(error.code) : error.message || error.name;
}
