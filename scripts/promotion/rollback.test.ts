import { expect, test } from 'vitest';
import { currentOf, interruptedOf, previousOf, rejectionOf } from './record.ts';
import { wentBack } from './rollback.ts';
import { entry } from './testing/history.ts';

const history = [entry('3', 'verified'), entry('2', 'replaced'), entry('1', 'replaced')];

test('what was left is rejected with the reason, and what came before runs', () => {
  const back = wentBack(history, entry('2', 'replaced'), 'pictures are green');
  expect(currentOf(back)?.release).toBe('2');
  expect(previousOf(back)?.release).toBe('1');
  expect(rejectionOf(back, 'sha256:3')?.reason).toBe('pictures are green');
  expect(back.map(({ release }) => release)).toEqual(['2', '3', '1']);
});

test('its time in the environment begins again', () => {
  const now = Date.now();
  const [running] = wentBack(history, entry('2', 'replaced'), 'why');
  expect(Date.parse(running?.endedAt ?? '')).toBeGreaterThanOrEqual(now);
});

test('one can go back again, as far as releases were replaced', () => {
  const once = wentBack(history, entry('2', 'replaced'), 'why');
  const twice = wentBack(once, entry('1', 'replaced'), 'why');
  expect(currentOf(twice)?.release).toBe('1');
  expect(previousOf(twice)).toBeUndefined();
});

test('nothing is left of a promotion that was interrupted', () => {
  const interrupted = [entry('4', 'applying'), ...history];
  expect(interruptedOf(wentBack(interrupted, entry('2', 'replaced'), 'why'))).toBeUndefined();
});

test('where nothing runs that was verified, nothing is rejected', () => {
  const back = wentBack([entry('2', 'replaced')], entry('2', 'replaced'), 'why');
  expect(back.map(({ release, state }) => `${release} ${state}`)).toEqual(['2 verified']);
});
