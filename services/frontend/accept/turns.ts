/**
 * Runs tasks in their order, a few in each turn of the event loop: a crowd of watches that are to be
 * written to at once must not keep a create waiting.
 */
export function createTurns(tasksPerTurn = 50): (tasks: readonly (() => void)[]) => void {
  const waiting: (() => void)[] = [];
  let isRunning = false;

  function run(): void {
    for (const task of waiting.splice(0, tasksPerTurn)) task();
    if (waiting.length > 0) setImmediate(run);
    else isRunning = false;
  }

  return (tasks) => {
    for (const task of tasks) waiting.push(task);
    if (isRunning || waiting.length === 0) return;
    isRunning = true;
    setImmediate(run);
  };
}
