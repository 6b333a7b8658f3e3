import { buildGoProgram } from '../../go/build-go-program.ts';
import { say } from '../server.ts';

/** As pinned by the go.mod beside this file. */
export const VERSITYGW_VERSION = 'v1.8.0';

/** The versitygw program, built once from its pinned Go module and kept in the cache folder. */
export const findVersitygw = (): Promise<string> =>
  buildGoProgram({
    name: 'versitygw',
    version: VERSITYGW_VERSION,
    folder: import.meta.dirname,
    package: 'github.com/versity/versitygw/cmd/versitygw',
    takes: 'three minutes',
    otherwise:
      'for the S3 server of the tests set S3_ENDPOINT, AWS_ACCESS_KEY_ID and ' +
      'AWS_SECRET_ACCESS_KEY, or start Docker',
    say,
  });
