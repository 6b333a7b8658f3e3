import type { Argv } from 'yargs';
import type { Command } from '../commands/run-command.ts';
import { environments } from './environments.ts';
import { json } from './json.ts';

const folder = <T>(line: Argv<T>) =>
  line.positional('folder', {
    type: 'string',
    demandOption: true,
    describe: "The release's folder",
  });

const several = (describe: string) =>
  ({ type: 'string', array: true, requiresArg: true, default: [] as string[], describe }) as const;

const text = (describe: string) => ({ type: 'string', requiresArg: true, describe }) as const;

/** Whose signature is taken. */
const trust = <T>(line: Argv<T>) =>
  line.options({
    key: text('The public key of who signs releases, as cosign.pub'),
    'certificate-identity': text('Instead of a key: the name in the certificate'),
    'certificate-oidc-issuer': text('Who vouches for that name, by URL'),
    'trusted-root': text("The file of Sigstore's authorities, trusted_root.json"),
  });

const output = {
  type: 'string',
  requiresArg: true,
  default: 'releases',
  describe: 'The folder in which the release gets one of its own',
} as const;

const actions = () => import('../commands/release.ts');

/**
 * Declares the commands that are about releases.
 *
 * @param choose is given the command that was named, which runs once the whole line has been checked
 */
export const releaseCommands = <T>(line: Argv<T>, choose: (command: Command) => void): Argv<T> =>
  line.command('release', 'Put releases together, and look at them', (inner) =>
    inner
      .demandCommand(1, 'say what to do: build, sign, verify, render, push or pull')
      .command(
        'build',
        'Make a folder of the manifests of this commit, with a lock of all that belongs to them',
        (build) =>
          json(build).options({
            output,
            image: several('NAME=sha256:…, of each image whose digest is not in the lock'),
            model: several('NAME=FOLDER, of each model that is served, but the built-in one'),
            report: several('A JSON report of Vitest, of tests that passed'),
          }),
        (options) => choose(async (context) => (await actions()).build(options, context)),
      )
      .command(
        'sign <folder>',
        'Sign the lock and the provenance of a release with a key, as Sigstore bundles',
        (sign) =>
          json(folder(sign)).option('key', {
            ...text('A private key: ECDSA P-256, PKCS#8, its passphrase in COSIGN_PASSWORD'),
            demandOption: true,
          }),
        (options) => choose(async (context) => (await actions()).sign(options, context)),
      )
      .command(
        'verify <folder>',
        'Compare every file of a release with its lock, and verify who signed it',
        (verify) => trust(json(folder(verify))),
        (options) => choose(async (context) => (await actions()).verify(options, context)),
      )
      .command(
        'render <folder> <environment>',
        'Check what a release is in an environment, and print it',
        (render) =>
          environments(folder(render))
            .positional('environment', {
              type: 'string',
              demandOption: true,
              describe: 'What the manifests are bound to: the name of its folder',
            })
            .option(
              'output',
              text('Write it into this folder instead, for Argo CD, Flux or `kubectl apply -k`'),
            ),
        (options) => choose(async (context) => (await actions()).render(options, context)),
      )
      .command(
        'push <folder> <target>',
        'Put a release into a registry, signatures included, and tell its digest',
        (push) =>
          json(folder(push)).positional('target', {
            type: 'string',
            demandOption: true,
            describe: "REGISTRY/REPOSITORY; the tag is the release's name",
          }),
        (options) => choose(async (context) => (await actions()).push(options, context)),
      )
      .command(
        'pull <source>',
        'Get a release from a registry, compare it with its lock, and verify who signed it',
        (pull) =>
          trust(json(pull))
            .positional('source', {
              type: 'string',
              demandOption: true,
              describe: 'REGISTRY/REPOSITORY@sha256:… or REGISTRY/REPOSITORY:TAG',
            })
            .options({ output }),
        (options) => choose(async (context) => (await actions()).pull(options, context)),
      ),
  );
