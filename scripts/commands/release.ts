import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pinhole } from '@darkroom/pinhole';
import { checkEnvironment } from '../../platform/checks/check-environment.ts';
import { tell } from '../../platform/checks/finding.ts';
import { createCrane } from '../release/artifact/crane.ts';
import { pullRelease } from '../release/artifact/pull-release.ts';
import { pushRelease } from '../release/artifact/push-release.ts';
import { buildRelease } from '../release/build-release.ts';
import type { ReleaseLock } from '../release/lock.ts';
import { readRelease } from '../release/read-release.ts';
import { renderRelease } from '../release/render-release.ts';
import { signRelease } from '../release/sign-release.ts';
import { type Trust, verifySignature } from '../release/signature.ts';
import { writeRendered } from '../release/write-rendered.ts';
import { repository } from '../repository.ts';
import { type Environments, environmentsFolder } from './environments-folder.ts';
import { CommandFailure, UsageError } from './failure.ts';
import { findCrane } from './find-crane.ts';
import type { Context } from './run-command.ts';

type BuildOptions = {
  output: string;
  image: string[];
  model: string[];
  report: string[];
  json: boolean;
};

export async function build(options: BuildOptions, context: Context): Promise<void> {
  const { userPath } = context.config;
  const models = Object.entries(pairs('model', options.model));
  const { folder, lock } = await buildRelease(
    {
      repository,
      images: pairs('image', options.image),
      models: {
        [pinhole.name]: pinhole.folder,
        ...Object.fromEntries(models.map(([name, path]) => [name, userPath(path)])),
      },
      reports: options.report.map(userPath),
    },
    userPath(options.output),
  );
  context.print(options.json ? JSON.stringify({ folder, lock }, null, 2) : summary(folder, lock));
}

export async function sign(
  options: { folder: string; key: string; json: boolean },
  { config, print }: Context,
): Promise<void> {
  const { folder, lock } = await signRelease(config.userPath(options.folder), {
    file: config.userPath(options.key),
    passphrase: config.cosignPassword,
  });
  print(options.json ? JSON.stringify({ folder, lock }, null, 2) : `signed: ${lock.release}`);
}

type TrustOptions = {
  key?: string | undefined;
  certificateIdentity?: string | undefined;
  certificateOidcIssuer?: string | undefined;
  trustedRoot?: string | undefined;
};

export async function verify(
  options: TrustOptions & { folder: string; json: boolean },
  context: Context,
): Promise<void> {
  const trust = trustOf(options, context.config.userPath);
  const { folder, lock } = await readRelease(context.config.userPath(options.folder));
  if (trust !== undefined) await verifySignature(folder, trust);
  const signature = tellSignature(trust);
  context.print(
    options.json
      ? JSON.stringify({ folder, lock, signature }, null, 2)
      : `${summary(folder, lock)}\nsignature:  ${signature}`,
  );
}

/** @throws UsageError for half of what tells a signer, and for two of them */
function trustOf(options: TrustOptions, path: (path: string) => string): Trust | undefined {
  const { key, certificateIdentity, certificateOidcIssuer, trustedRoot } = options;
  const identity = [certificateIdentity, certificateOidcIssuer, trustedRoot];
  if (key !== undefined && identity.some((each) => each !== undefined)) {
    throw new UsageError('a signature is verified with --key or with an identity, not both');
  }
  if (key !== undefined) return { key: path(key) };
  if (identity.every((each) => each === undefined)) return undefined;
  if (
    certificateIdentity === undefined ||
    certificateOidcIssuer === undefined ||
    trustedRoot === undefined
  ) {
    throw new UsageError(
      '--certificate-identity, --certificate-oidc-issuer and --trusted-root are given together',
    );
  }
  return { certificateIdentity, certificateOidcIssuer, trustedRoot: path(trustedRoot) };
}

export async function push(
  options: { folder: string; target: string; json: boolean },
  context: Context,
): Promise<void> {
  const folder = context.config.userPath(options.folder);
  const reference = await pushRelease(folder, options.target, await openCrane(context));
  context.print(options.json ? JSON.stringify({ folder, reference }, null, 2) : reference);
}

export async function pull(
  options: TrustOptions & { source: string; output: string; json: boolean },
  context: Context,
): Promise<void> {
  const { userPath } = context.config;
  const trust = trustOf(options, userPath);
  const { folder, lock, reference } = await pullRelease(
    options.source,
    userPath(options.output),
    await openCrane(context),
    trust,
  );
  const signature = tellSignature(trust);
  context.print(
    options.json
      ? JSON.stringify({ folder, lock, reference, signature }, null, 2)
      : `${summary(folder, lock)}\nsignature:  ${signature}\npulled:     ${reference}`,
  );
}

const tellSignature = (trust: Trust | undefined) =>
  trust === undefined ? 'not verified' : 'verified';

const openCrane = async (context: Context) => createCrane(await findCrane(context), context.signal);

/** Prints what would be applied to an environment, as `darkroom render` does for the checkout, or writes it. */
export async function render(
  options: Environments & { folder: string; environment: string; output?: string | undefined },
  context: Context,
): Promise<void> {
  const { userPath } = context.config;
  const release = await readRelease(userPath(options.folder));
  const { environment, output } = options;
  const environments = environmentsFolder(options, context);
  const known = await readdir(environments).catch((): string[] => []);
  if (!known.includes(environment)) {
    throw new CommandFailure(
      `${environments} has no environment ${environment}; it has ${known.join(', ') || 'none'}`,
    );
  }
  const rendered = await renderRelease(release, join(environments, environment));
  const { infrastructure, apps } = rendered;
  const objects = [...infrastructure.objects, ...apps.objects];
  const lock = Object.entries(release.lock.images).map(([name, { tag = '', digest }]) => ({
    name,
    newTag: tag,
    digest,
  }));
  const findings = checkEnvironment(environment, objects, lock);
  if (findings.length > 0) {
    throw new CommandFailure(
      [
        `${release.lock.release} has ${findings.length} faults in ${environment}:`,
        ...findings.map(tell),
      ].join('\n  '),
    );
  }
  if (output === undefined) {
    context.print([infrastructure, apps].map(({ text }) => text.trimEnd()).join('\n---\n'));
    return;
  }
  await writeRendered(userPath(output), rendered, { lock: release.lock, environment });
  context.print(
    `${release.lock.release} in ${environment}: ${objects.length} objects in ${output}`,
  );
}

/** `NAME=VALUE` options by name. */
function pairs(option: string, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    values.map((value) => {
      const at = value.indexOf('=');
      if (at > 0) return [value.slice(0, at), value.slice(at + 1)];
      throw new UsageError(`--${option} is NAME=VALUE, and ${value} is not`);
    }),
  );
}

const summary = (folder: string, { release, images, models, manifests, tests }: ReleaseLock) =>
  [
    `release:    ${release}`,
    `folder:     ${folder}`,
    `manifests:  ${Object.keys(manifests.files).length} files, ${manifests.digest}`,
    `images:     ${Object.keys(images).length}`,
    `models:     ${Object.entries(models)
      .map(([name, digest]) => `${name} ${digest}`)
      .join(', ')}`,
    `tests:      ${tests.map(({ report, passed, skipped }) => `${report}: ${passed} passed, ${skipped} skipped`).join('; ') || 'none told'}`,
  ].join('\n');
