/** npm passes on the SIGINT that the terminal has sent to everybody already: what comes so soon is the same one. */
const SAME_MS = 300;
const EXIT_INTERRUPTED = 130;

/**
 * Ctrl-C and SIGTERM: the first aborts `signal`, so that everything is ended in order; the second ends this process at
 * once, and with it, by their exit handlers, all processes it has started.
 */
export class Interrupt {
  readonly #controller = new AbortController();
  readonly #say: (line: string) => void;
  #at = 0;

  constructor(say: (line: string) => void) {
    this.#say = say;
    process.on('SIGINT', this.#onSignal).on('SIGTERM', this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  close(): void {
    process.off('SIGINT', this.#onSignal).off('SIGTERM', this.#onSignal);
  }

  readonly #onSignal = () => {
    if (!this.signal.aborted) {
      this.#at = performance.now();
      this.#say('ending in order: what siftline has taken is finished; Ctrl-C again ends at once');
      this.#controller.abort();
    } else if (performance.now() - this.#at > SAME_MS) {
      process.exit(EXIT_INTERRUPTED);
    }
  };
}
