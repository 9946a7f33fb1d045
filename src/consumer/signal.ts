interface Later {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/**
 * Lets a few waiters sleep until something has changed. `raise` wakes them at the end of the current turn of the event
 * loop, so that they see everything that one fetch brings.
 */
export class Signal {
  #raised: Later | undefined;

  /** Wakes all waiters; each checks its condition again. */
  raise(): void {
    const raised = this.#raised;
    if (!raised) return;
    this.#raised = undefined;
    setImmediate(raised.resolve);
  }

  /** Resolves when the condition holds. It is checked now and after every `raise`. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      this.#raised ??= later();
      await this.#raised.promise;
    }
  }

  /** Resolves when the condition holds, and after so many milliseconds at the latest. */
  async within(ms: number, condition: () => boolean): Promise<void> {
    let over = false;
    const timer = setTimeout(() => {
      over = true;
      this.raise();
    }, ms);
    await this.until(() => over || condition());
    clearTimeout(timer);
  }
}

function later(): Later {
  let resolve = () => {};
  const promise = new Promise<void>(done => {
    resolve = done;
  });
  return { promise, resolve };
}
