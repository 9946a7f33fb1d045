import { once } from 'node:events';

/** Writes lines to standard output at the pace of its reader; ends quietly when the reader is gone (`| head`). */
export class Lines {
  readonly #stdout: NodeJS.WritableStream;
  readonly #onError: () => void;
  #gone = false;

  constructor(stdout: NodeJS.WritableStream) {
    this.#stdout = stdout;
    this.#onError = () => {
      this.#gone = true;
    };
    stdout.on('error', this.#onError);
  }

  /** Returns false when the reader is gone. */
  async write(line: string): Promise<boolean> {
    if (this.#gone) return false;
    if (!this.#stdout.write(`${line}\n`)) await once(this.#stdout, 'drain').catch(() => {});
    return !this.#gone;
  }
}
