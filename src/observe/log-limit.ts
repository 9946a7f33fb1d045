interface Minute {
  readonly started: number;
  lines: number;
  suppressed: number;
}

const MINUTE_MS = 60_000;

/** Lets so many lines of each event through in a minute, and tells with the next one how many it held back. */
export class LogLimit {
  readonly #most: number;
  readonly #minutes = new Map<string, Minute>();

  constructor(linesPerMinute: number) {
    this.#most = linesPerMinute;
  }

  /** Undefined when the line is not to be written. Event names are the program's own, so they are few. */
  admit(event: string, now: number): { readonly suppressed: number } | undefined {
    const minute = this.#minutes.get(event);
    if (!minute || now - minute.started >= MINUTE_MS) {
      this.#minutes.set(event, { started: now, lines: 1, suppressed: 0 });
      return { suppressed: minute?.suppressed ?? 0 };
    }
    if (minute.lines < this.#most) {
      minute.lines += 1;
      return { suppressed: 0 };
    }
    minute.suppressed += 1;
    return undefined;
  }
}
