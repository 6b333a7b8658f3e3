import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { eventually } from '@darkroom/testing';
import { expect, onTestFinished, test } from 'vitest';

const program = fileURLToPath(new URL('./testing/talkative-process.ts', import.meta.url));

/** A process that logs all the time, its stdout a pipe that is not read yet. */
function startTalking(): ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> } {
  const child = fork(program, [], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  if (child.stdout === null) throw new Error('stdout is not piped');
  return Object.assign(child, { stdout: child.stdout });
}

/** The counter of dropped lines, which only a process that answers tells. */
async function droppedBy(child: ChildProcess): Promise<number> {
  const answer = once(child, 'message');
  child.send('how many?');
  return Number((await answer)[0]);
}

test('a process whose log nobody reads keeps answering, and says what it dropped once it is read', async () => {
  const child = startTalking();
  await eventually(() => droppedBy(child)).toBeGreaterThan(1_000);

  const notice = Promise.withResolvers<{ lines: number; level: string; name: string }>();
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text);
    if (line.msg === 'log lines dropped: they were not read') notice.resolve(line);
  });
  const { lines, ...rest } = await notice.promise;
  expect(rest).toMatchObject({ level: 'warn', name: 'talkative' });
  expect(lines).toBeGreaterThan(1_000);
  expect(lines).toBeLessThanOrEqual(await droppedBy(child));
});

test('a process whose log nobody reads ends when it is told to', async () => {
  const child = startTalking();
  await eventually(() => droppedBy(child)).toBeGreaterThan(0);
  child.kill('SIGTERM');
  // Once it has ended, nothing fills the pipe again.
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('a process goes on when whoever reads its log has gone', async () => {
  const child = startTalking();
  child.stdout.destroy();
  await droppedBy(child);
  await droppedBy(child);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('a process that is read tells all it has to say before it ends', async () => {
  const child = startTalking();
  let last = '';
  createInterface({ input: child.stdout }).on('line', (text) => {
    last = text;
  });
  await droppedBy(child);
  child.kill('SIGTERM');
  await once(child, 'close');
  expect(JSON.parse(last)).toMatchObject({ msg: 'shut down' });
});
