import { invariant } from '../errors.js';
import type { SourceRecord } from '../ports.js';
import { LabelReader } from '../producer/label-reader.js';
import { WindowReader } from '../producer/window-reader.js';

/** The fields of a record of the labels topic that the demo reads. */
export interface Label {
  readonly source: { readonly textId: string | null };
  readonly tasks: readonly TaskAnswer[];
}

export interface TaskAnswer {
  readonly task: string;
  /** The label with the highest score, whether it was given or not. */
  readonly label: string;
  readonly score: number;
  /** The labels that were given; a multi-label task may give none. */
  readonly labels: readonly string[];
}

/** The counts of one record of the metrics topic. The sum over all its records is the work of the stage. */
export interface WindowCounts {
  readonly consumed: number;
  readonly labelled: number;
  readonly rejected: number;
  readonly skipped: number;
  readonly revoked: number;
}

interface WindowRecord {
  readonly consumed: number;
  readonly labelled: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly skipped: Readonly<Record<string, number>>;
  readonly revoked: number;
}

/** Reads siftline's records in the way of any other reader, with the shipped schemas. */
export class OutputReader {
  readonly #labels = new LabelReader('siftline');
  readonly #windows = new WindowReader();

  label(record: SourceRecord): Label {
    const label = this.#labels.read(record);
    invariant(label.kind === 'label', 'a record siftline wrote is no label');
    return label;
  }

  window(value: Buffer | null): WindowCounts {
    const window = this.#windows.read(value);
    invariant(window, 'a record siftline wrote is no metrics window');
    const { consumed, labelled, rejected, skipped, revoked } = window as unknown as WindowRecord;
    return { consumed, labelled, revoked, rejected: sum(rejected), skipped: sum(skipped) };
  }
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
