/** A door that a test opens: whoever passes before waits. */
export class Gate {
  #open: () => void = () => {};
  readonly opened = new Promise<void>(resolve => {
    this.#open = resolve;
  });

  open(): void {
    this.#open();
  }
}

/** Everything that can happen without time passing has happened when this resolves. */
export async function quiet(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise(resolve => setImmediate(resolve));
}
