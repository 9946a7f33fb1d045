import { once } from 'node:events';

/** Lines to standard output, at the pace of whoever reads them; ends quietly when nobody does (`| head`). */
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

  /** False once there is nobody to write to. */
  async write(line: string): Promise<boolean> {
    if (this.#gone) return false;
    if (!this.#stdout.write(`${line}\n`)) await once(this.#stdout, 'drain').catch(() => {});
    return !this.#gone;
  }
}
