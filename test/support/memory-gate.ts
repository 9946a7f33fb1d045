/** A gate that a test opens: a caller that comes before waits. */
export class Gate {
  #open: () => void = () => {};
  readonly opened = new Promise<void>(resolve => {
    this.#open = resolve;
  });

  open(): void {
    this.#open();
  }
}

/** Resolves when everything has happened that can happen without time passing. */
export async function quiet(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise(resolve => setImmediate(resolve));
}
