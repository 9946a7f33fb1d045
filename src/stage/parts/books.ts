import type { Logger } from 'pino';
import { ExitCode, SiftlineError } from '../../errors.js';
import { type Fate, Ledger, type LedgerBreach } from '../../observe/ledger.js';

/** Returns a ledger that logs every breach, and calls `broken` for each, so that they can be counted. */
export function openLedger(
  log: Logger,
  { moved, broken }: { readonly moved: ConstructorParameters<typeof Ledger>[0]['moved']; readonly broken: () => void },
): Ledger {
  return new Ledger({
    moved,
    broken: breach => {
      broken();
      log.error(
        { event: 'ledger_broken', ...placed(breach) },
        'a record has no outcome, or more than one: a bug in siftline',
      );
    },
  });
}

/** Counts what became of the records of a run that comes to an end. */
export class Books {
  readonly ledger: Ledger;
  readonly #counts: Record<Fate, number> = { consumed: 0, labelled: 0, rejected: 0, skipped: 0, revoked: 0 };
  #breaches = 0;

  constructor(log: Logger) {
    this.ledger = openLedger(log, {
      moved: (_, fate, records) => {
        this.#counts[fate] += records;
      },
      broken: () => {
        this.#breaches += 1;
      },
    });
  }

  get counts(): Readonly<Record<Fate, number>> {
    return this.#counts;
  }

  /** Throws LEDGER_BROKEN when a record has no outcome, or more than one: the run must not pass for a success. */
  requireBalanced(): void {
    if (this.#breaches === 0) return;
    throw new SiftlineError({
      code: 'LEDGER_BROKEN',
      message:
        `${this.#breaches} of the records taken have no outcome, or more than one; the log names them (ledger_broken). ` +
        'This is a bug in siftline; please report it',
      exitCode: ExitCode.internal,
    });
  }
}

function placed({ offset, ...breach }: LedgerBreach): object {
  return { ...breach, offset: String(offset) };
}
