import { expect, test } from 'vitest';
import { createTurns } from './turns.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Tasks that end when the test says so. */
function byHand(slots?: number) {
  const turns = createTurns(slots);
  const running: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const beginWith = (name: string, options?: { alone: boolean }): Promise<string> =>
    turns(async () => {
      running.push(name);
      await new Promise<void>((resolve, reject) => {
        ends.set(name, (error) => (error === undefined ? resolve() : reject(error)));
      });
      return name;
    }, options);
  const begin = (name: string) => beginWith(name);
  const beginAlone = (name: string) => beginWith(name, { alone: true });
  return {
    begin,
    beginAlone,
    running,
    end: (name: string, error?: Error) => ends.get(name)?.(error),
  };
}

test('one at a time, in the order they came', async () => {
  const { begin, running, end } = byHand();
  const all = Promise.all(['a', 'b', 'c'].map(begin));
  await turn();
  expect(running).toEqual(['a']);
  end('a');
  await turn();
  expect(running).toEqual(['a', 'b']);
  end('b');
  await turn();
  end('c');
  expect(await all).toEqual(['a', 'b', 'c']);
});

test('as many at a time as there are slots', async () => {
  const { begin, running, end } = byHand(2);
  const all = Promise.all(['a', 'b', 'c', 'd'].map(begin));
  await turn();
  expect(running).toEqual(['a', 'b']);
  end('b');
  await turn();
  expect(running).toEqual(['a', 'b', 'c']);
  for (const name of ['a', 'c']) end(name);
  await turn();
  end('d');
  expect(await all).toEqual(['a', 'b', 'c', 'd']);
});

test('one that must be alone waits for those before it, and those after wait', async () => {
  const { begin, beginAlone, running, end } = byHand(2);
  const all = Promise.all([begin('a'), beginAlone('alone'), begin('b'), begin('c')]);
  await turn();
  expect(running).toEqual(['a']);
  end('a');
  await turn();
  expect(running).toEqual(['a', 'alone']);
  end('alone');
  await turn();
  expect(running).toEqual(['a', 'alone', 'b', 'c']);
  for (const name of ['b', 'c']) end(name);
  expect(await all).toEqual(['a', 'alone', 'b', 'c']);
});

test('one that fails gives its slot to the next', async () => {
  const { begin, running, end } = byHand();
  const failed = begin('a');
  const next = begin('b');
  await turn();
  end('a', new Error('it failed'));
  await expect(failed).rejects.toThrow('it failed');
  await turn();
  expect(running).toEqual(['a', 'b']);
  end('b');
  expect(await next).toBe('b');
});

test('when turns end, those who waited begin at once', async () => {
  const turns = createTurns();
  const held = Promise.withResolvers<void>();
  const first = turns(() => held.promise);
  const others = [turns(async () => 'second'), turns(async () => 'third')];
  turns.end();
  expect(await Promise.all(others)).toEqual(['second', 'third']);
  expect(await turns(async () => 'late')).toBe('late');
  held.resolve();
  await first;
});
