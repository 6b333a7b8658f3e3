import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { cacheFolder, inherited } from '../config.ts';
import { installDebianPackages, isRootOnDebian } from '../debian.ts';
import { say } from '../server.ts';

const run = promisify(execFile);

/** As pinned by the go.mod beside this file. */
export const VERSITYGW_VERSION = 'v1.8.0';
/** Builds versitygw where the installed Go is older than 1.21 and cannot fetch a newer one itself. */
const GO_TOOLCHAIN = 'golang.org/toolchain@v0.0.1-go1.26.8';
const PACKAGE = 'github.com/versity/versitygw/cmd/versitygw';

/** The versitygw program, built once from its pinned Go module and kept in the cache folder. */
export async function findVersitygw(): Promise<string> {
  const folder = join(
    cacheFolder,
    `versitygw-${VERSITYGW_VERSION}-${process.platform}-${process.arch}`,
  );
  const program = join(folder, 'versitygw');
  if (existsSync(program)) return program;
  await mkdir(folder, { recursive: true });
  const go = await findGo();
  const unfinished = `${program}.${process.pid}`;
  say(`building versitygw ${VERSITYGW_VERSION} from its Go module, once, about three minutes …`);
  const began = performance.now();
  const progress = setInterval(() => {
    say(`building versitygw … ${Math.round((performance.now() - began) / 1_000)} s`);
  }, 15_000);
  try {
    const build = spawn(go, ['build', '-mod=readonly', '-trimpath', '-o', unfinished, PACKAGE], {
      cwd: import.meta.dirname,
      env: { ...inherited, GOWORK: 'off', GOROOT: undefined, CGO_ENABLED: '0' },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [code] = await once(build, 'exit');
    if (code !== 0) throw new Error(`building versitygw failed (${go} build: exit ${code})`);
  } finally {
    clearInterval(progress);
  }
  await rename(unfinished, program);
  return program;
}

/** A Go that can build it: the installed one, or on Debian as root one that it installs. */
async function findGo(): Promise<string> {
  let version = await goVersion();
  if (version === undefined && isRootOnDebian()) {
    await installDebianPackages('golang-go', 'ca-certificates');
    version = await goVersion();
  }
  if (version === undefined) {
    throw new Error(
      'no S3 server for the tests: set S3_ENDPOINT, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ' +
        'or start Docker, or install Go (any version), which builds versitygw once',
    );
  }
  // From 1.21 on, `go` fetches the toolchain that a go.mod asks for by itself.
  return version >= 21 ? 'go' : fetchToolchain();
}

/** The installed Go's minor version: 19 for go1.19.8. */
async function goVersion(): Promise<number | undefined> {
  const answer = await run('go', ['env', 'GOVERSION'], { env: inherited }).catch(() => undefined);
  const minor = answer?.stdout.match(/^go1\.(\d+)/)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

/** Go's toolchains are Go modules; an old `go` downloads one, checks its sum, and we run it. */
async function fetchToolchain(): Promise<string> {
  const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  say(`the installed Go is too old; fetching ${GO_TOOLCHAIN}.${platform} as a Go module …`);
  const { stdout } = await run('go', ['mod', 'download', '-json', `${GO_TOOLCHAIN}.${platform}`], {
    cwd: cacheFolder,
    env: inherited,
  });
  const { Dir: folder } = JSON.parse(stdout) as { Dir: string };
  // A module's files are not executable.
  const folders = [join(folder, 'bin'), join(folder, 'pkg', 'tool', platform.replace('-', '_'))];
  for (const tools of folders) {
    if (!existsSync(tools)) continue;
    for (const tool of await readdir(tools)) await chmod(join(tools, tool), 0o755);
  }
  return join(folder, 'bin', 'go');
}
