interface Later {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/**
 * Lets a few waiters sleep until something has changed. Raising it wakes them at the end of the current turn of the
 * event loop, so that everything one fetch brings is there when they look.
 */
export class Signal {
  #raised: Later | undefined;

  raise(): void {
    const raised = this.#raised;
    if (!raised) return;
    this.#raised = undefined;
    setImmediate(raised.resolve);
  }

  /** Resolves when the condition holds; it is looked at now and after every `raise`. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      this.#raised ??= later();
      await this.#raised.promise;
    }
  }

  /** As `until`, but for so many milliseconds at most. */
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
