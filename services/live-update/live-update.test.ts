import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { readConfig } from './config.ts';
import { keepRunning } from './keep-running.ts';
import { serveProbes } from './serve-probes.ts';
import { watchFolders } from './watch-folders.ts';
import { makeWritableCopy } from './writable-copy.ts';

const folders: string[] = [];
const temporary = () => {
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-live-update-'));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const write = (path: string, text: string) => {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
};
/** As `tar` and editors do. */
const replace = (path: string, text: string) => {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
};

test('the copy imports the copies of the rooms, and the packages of the image', async () => {
  const image = temporary();
  const room = (name: string, code: string) => {
    write(join(image, 'services', name, 'index.js'), code);
    write(
      join(image, 'services', name, 'package.json'),
      `{"name":"@darkroom/${name}","type":"module","exports":"./index.js"}`,
    );
  };
  room('words', 'export const word = "old";');
  room(
    'speaker',
    'import { word } from "@darkroom/words"; import { end } from "end"; console.log(word + end);',
  );
  write(join(image, 'node_modules/end/package.json'), '{"type":"module","exports":"./index.js"}');
  write(join(image, 'node_modules/end/index.js'), 'export const end = "!";');
  mkdirSync(join(image, 'node_modules/@darkroom'));
  for (const name of ['words', 'speaker']) {
    symlinkSync(join('../../services', name), join(image, 'node_modules/@darkroom', name));
  }
  const copy = join(temporary(), 'copy');
  await makeWritableCopy(image, copy);
  writeFileSync(join(copy, 'services/words/index.js'), 'export const word = "new";');
  const run = (folder: string) =>
    execFileSync(process.execPath, [join(folder, 'services/speaker/index.js')], {
      encoding: 'utf8',
    });
  expect(run(copy)).toBe('new!\n');
  expect(run(image)).toBe('old!\n');
});

test('a file that is replaced again and again is told each time, also in a new folder', async () => {
  const folder = temporary();
  write(join(folder, 'a/b/code.ts'), '0');
  const onChange = vi.fn();
  const watched = watchFolders(folder, onChange);
  onTestFinished(watched.close);
  const toldAgain = async (change: () => void) => {
    onChange.mockClear();
    change();
    await vi.waitFor(() => expect(onChange).toHaveBeenCalled());
  };
  for (let round = 1; round <= 5; round++) {
    await toldAgain(() => replace(join(folder, 'a/b/code.ts'), `${round}`));
  }
  await toldAgain(() => mkdirSync(join(folder, 'a/c')));
  await toldAgain(() => write(join(folder, 'a/c/more.ts'), '1'));
  // The folder itself is replaced, and followed on.
  await toldAgain(() => rmSync(join(folder, 'a/c'), { recursive: true }));
  await toldAgain(() => mkdirSync(join(folder, 'a/c')));
  await toldAgain(() => write(join(folder, 'a/c/more.ts'), '2'));
});

/** A program that notes each of its starts, then fails where its code says so. */
function kept() {
  const folder = temporary();
  const starts = join(folder, 'starts');
  const code = join(folder, 'code.mjs');
  writeFileSync(starts, '');
  const program = (version: string) =>
    `import { appendFileSync } from 'node:fs';
     process.on('SIGTERM', () => setTimeout(() => process.exit(7), 20));
     setInterval(() => {}, 1000);
     appendFileSync(${JSON.stringify(starts)}, '${version} ');`;
  const children: ChildProcess[] = [];
  writeFileSync(code, program('1'));
  const say = vi.fn();
  const running = keepRunning({
    start: () => {
      const child = spawn(process.execPath, [code], { stdio: 'ignore' });
      children.push(child);
      return child;
    },
    say,
  });
  onTestFinished(() => {
    for (const child of children) child.kill('SIGKILL');
  });
  return {
    running,
    started: (versions: string) =>
      vi.waitFor(() => expect(readFileSync(starts, 'utf8').trim()).toBe(versions), 10_000),
    told: (words: string) =>
      vi.waitFor(() => expect(say).toHaveBeenCalledWith(expect.stringContaining(words)), 10_000),
    save: (version: string) => writeFileSync(code, program(version)),
    break: () => writeFileSync(code, 'no {'),
  };
}

test('a changed program starts anew, also after one that broke', async () => {
  const { running, started, told, save, break: breakCode } = kept();
  await started('1');
  save('2');
  running.changed();
  await started('1 2');
  breakCode();
  running.changed();
  await told('the program has ended with 1');
  save('3');
  running.changed();
  await started('1 2 3');
  running.stop('SIGTERM');
  expect(await running.ended).toBe(7);
});

test('a program that ended by itself is tried again', async () => {
  const { running, started, told, save, break: breakCode } = kept();
  await started('1');
  breakCode();
  running.changed();
  await told('the program has ended with 1');
  // Not told: as what a program waits for, which comes later.
  save('2');
  await started('1 2');
  running.stop('SIGTERM');
  expect(await running.ended).toBe(7);
});

test('probes say alive throughout, and ready only when the program does', async () => {
  const program = createServer(({ url }, response) => response.end(`the program's ${url}`));
  program.listen(0);
  const behind = (program.address() as AddressInfo).port;
  const probes = await serveProbes(0, behind);
  onTestFinished(probes.close);
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${probes.port}${path}`);
    return { status: answer.status, text: await answer.text() };
  };
  expect(await ask('/readyz')).toEqual({ status: 200, text: "the program's /readyz" });
  program.closeAllConnections();
  await new Promise((resolve) => program.close(resolve));
  expect(await ask('/readyz')).toMatchObject({ status: 503 });
  expect(await ask('/healthz')).toMatchObject({ status: 200 });
});

test('the program gets another port for its probes than the kubelet asks', () => {
  const args = ['--probes', 'PROBES_PORT=8081', '--', '--max-old-space-size=512', 'main.ts'];
  const config = readConfig(args, { LOG_LEVEL: 'info' });
  expect(config.program).toEqual(['--max-old-space-size=512', 'main.ts']);
  expect(config.probesPort).toBe(8081);
  expect(config.environment).toEqual({
    LOG_LEVEL: 'info',
    PROBES_PORT: String(config.programPort),
  });
  expect(readConfig(args, { PROBES_PORT: '9000' }).probesPort).toBe(9000);
  expect(() => readConfig(['main.ts'], {})).toThrow('call it as');
});
