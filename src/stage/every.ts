/** Runs a task again and again, an interval after it last ended; the returned function stops it and waits for the last. */
export function every(ms: number, task: () => Promise<void>): () => Promise<void> {
  let stopped = false;
  let running = Promise.resolve();
  const again = () => {
    running = task().finally(() => {
      if (!stopped) timer = setTimeout(again, ms);
    });
  };
  let timer = setTimeout(again, ms);
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await running;
  };
}
