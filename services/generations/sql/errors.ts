import { DarkroomError } from '@darkroom/contract';

const unreachable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** node-postgres gives these no code. The first: no password, or none that it can use. */
const refused = /^SASL/;
const unencrypted = /does not support SSL/;
const connectionLost = /^Connection terminated/;
/** Of the pool, whatever it waited for. */
const noConnection = /^timeout exceeded when trying to connect/;

/** Of Node's TLS: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const untrusted = /CERT|^UNABLE_TO_VERIFY|^ERR_SSL_/;

/** `undefined_table`, `undefined_column`: the database was not migrated to this release, or not yet. */
const missing = new Set(['42P01', '42703']);

/** `read_only_sql_transaction`: the server has become a standby, or is switched to read-only. */
export const READ_ONLY = '25006';

/**
 * Says who must act on a database's error. A fault of Darkroom's own passes unchanged.
 * Codes: https://www.postgresql.org/docs/15/errcodes-appendix.html
 */
export function explain(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof DarkroomError) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const because = (kind: DarkroomError['kind'], message: string) =>
    new DarkroomError(kind, message, { cause: error });
  const reason = error.message || code;

  if (code === '53100') {
    return because('unavailable', `The database's disk is full (${reason}). Free some space.`);
  }
  if (missing.has(code)) {
    return because(
      'configuration',
      `The database lacks a table or a column of this release (${reason}). Migrate it first.`,
    );
  }
  if (code === '42501') {
    return because('configuration', `The database role lacks a right (${reason}). Grant it.`);
  }
  if (unencrypted.test(reason) || untrusted.test(code)) {
    return because(
      'configuration',
      `The database connection cannot be encrypted (${reason}). Set sslmode in DATABASE_URL to ` +
        'what the server offers, and sslrootcert or NODE_EXTRA_CA_CERTS to the authority that ' +
        'signed its certificate.',
    );
  }
  if (/^28|^3D/.test(code) || refused.test(reason)) {
    return because(
      'configuration',
      `The database refused the connection (${reason}). Check user, password and database name ` +
        'in DATABASE_URL.',
    );
  }
  if (code === READ_ONLY) {
    return because(
      'unavailable',
      `The database is read-only now (${reason}), as in a failover. Try again shortly.`,
    );
  }
  if (noConnection.test(reason)) {
    return because(
      'unavailable',
      'No connection to the database was available in time: it cannot be reached, all connections ' +
        'are in use, or the event loop of this process is late. Try again shortly.',
    );
  }
  // 08 connection, 40 rollback, 53 resources, 57P shutdown.
  if (unreachable.has(code) || connectionLost.test(reason) || /^(08|40|53|57P)/.test(code)) {
    return because('unavailable', `The database cannot be reached (${reason}). Try again shortly.`);
  }
  if (code.startsWith('22')) {
    return because('request', `The database cannot hold a value of this request: ${reason}.`);
  }
  return error;
}

/** Whether it is the explanation of a database that is not migrated. */
export const lacksTables = ({ cause }: DarkroomError): boolean =>
  cause instanceof Error && 'code' in cause && missing.has(String(cause.code));

/**
 * The same operation with its errors explained.
 *
 * @param onReadOnly called when the operation failed because the server is read-only
 */
export const explained =
  <Arguments extends unknown[], Result>(
    operation: (...args: Arguments) => Promise<Result>,
    onReadOnly?: () => void,
  ) =>
  async (...args: Arguments): Promise<Result> => {
    try {
      return await operation(...args);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === READ_ONLY) onReadOnly?.();
      throw explain(error);
    }
  };
