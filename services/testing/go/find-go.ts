import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { cacheFolder } from '../cache-folder.ts';
import { inherited } from '../servers/config.ts';
import { installDebianPackages, isRootOnDebian } from '../servers/debian.ts';
import { BuildFailure } from './build-failure.ts';

const run = promisify(execFile);

/** Builds where the installed Go is older than 1.21 and cannot fetch a newer one itself. */
const GO_TOOLCHAIN = 'golang.org/toolchain@v0.0.1-go1.26.8';

type Say = (line: string) => void;

/**
 * A Go that can build a program: the installed one, or on Debian as root one that it installs.
 *
 * @throws BuildFailure where there is none
 */
export async function findGo(program: {
  name: string;
  otherwise: string;
  say: Say;
}): Promise<string> {
  let version = await goVersion();
  if (version === undefined && isRootOnDebian()) {
    await installDebianPackages('golang-go', 'ca-certificates');
    version = await goVersion();
  }
  if (version === undefined) {
    throw new BuildFailure(
      `no ${program.name}: ${program.otherwise}, or install Go (any version), which builds it once`,
    );
  }
  // From 1.21 on, `go` fetches the toolchain that a go.mod asks for by itself.
  return version >= 21 ? 'go' : fetchToolchain(program.say);
}

/** The installed Go's minor version: 19 for go1.19.8. */
async function goVersion(): Promise<number | undefined> {
  const answer = await run('go', ['env', 'GOVERSION'], { env: inherited }).catch(() => undefined);
  const minor = answer?.stdout.match(/^go1\.(\d+)/)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

/** Go's toolchains are Go modules; an old `go` downloads one, checks its sum, and we run it. */
async function fetchToolchain(say: Say): Promise<string> {
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
