import manifest from '../package.json' with { type: 'json' };

const { bullmq, 'pg-boss': pgBoss } = manifest.dependencies;

/** Which peers were measured, for the report's setting. */
export const peerVersions = { BullMQ: bullmq, 'pg-boss': pgBoss };
