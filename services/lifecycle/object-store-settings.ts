/** The variables that say where the pictures are kept; see `variables`. */
export type ObjectStoreVariables = {
  S3_ENDPOINT: string;
  S3_BUCKET: string;
  AWS_REGION: string;
  AWS_ACCESS_KEY_ID?: string | undefined;
  AWS_SECRET_ACCESS_KEY?: string | undefined;
};

export type ObjectStoreSettings = {
  endpoint: string;
  bucket: string;
  region: string;
  /** Absent: the platform's identity. */
  credentials?: { accessKeyId: string; secretAccessKey: string };
};

/** What a process's variables say of its object store. */
export function objectStoreSettings(config: ObjectStoreVariables): ObjectStoreSettings {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = config;
  return {
    endpoint: config.S3_ENDPOINT,
    bucket: config.S3_BUCKET,
    region: config.AWS_REGION,
    ...(accessKeyId && secretAccessKey && { credentials: { accessKeyId, secretAccessKey } }),
  };
}
