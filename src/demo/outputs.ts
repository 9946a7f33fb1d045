import { unframe } from '../avro/framing.js';
import { invariant } from '../errors.js';
import { type SchemaName, shippedSchema } from '../producer/schemas.js';

/** The fields of a record of the labels topic that the demo looks at. */
export interface Label {
  readonly source: { readonly textId: string | null };
  readonly tasks: readonly TaskAnswer[];
}

export interface TaskAnswer {
  readonly task: string;
  /** The label with the highest score, and that score. */
  readonly label: string;
  readonly score: number;
  /** The labels that were given; of a multi-label task, possibly none. */
  readonly labels: readonly string[];
}

/** The counts of one record of the metrics topic; of all its records together, what the stage has done. */
export interface WindowCounts {
  readonly consumed: number;
  readonly labelled: number;
  readonly rejected: number;
  readonly skipped: number;
  readonly revoked: number;
}

interface WindowRecord {
  readonly consumed: bigint;
  readonly labelled: bigint;
  readonly rejected: Readonly<Record<string, bigint>>;
  readonly skipped: Readonly<Record<string, bigint>>;
  readonly revoked: bigint;
}

/** Reads siftline's records the way any other reader would: Confluent framing, then Avro by the shipped schemas. */
export class OutputReader {
  readonly #types = {
    classification: shippedSchema('classification').type,
    'metrics-window': shippedSchema('metrics-window').type,
  };

  label(value: Buffer | null): Label {
    return this.#decode('classification', value) as Label;
  }

  window(value: Buffer | null): WindowCounts {
    const { consumed, labelled, rejected, skipped, revoked } = this.#decode('metrics-window', value) as WindowRecord;
    return {
      consumed: Number(consumed),
      labelled: Number(labelled),
      rejected: sum(rejected),
      skipped: sum(skipped),
      revoked: Number(revoked),
    };
  }

  #decode(schema: SchemaName, value: Buffer | null): unknown {
    const parts = unframe(value ?? Buffer.alloc(0));
    invariant(parts.kind === 'framed', `a record siftline wrote has no framing (${schema})`);
    return this.#types[schema].fromBuffer(parts.body);
  }
}

function sum(counts: Readonly<Record<string, bigint>>): number {
  return Object.values(counts).reduce((total, count) => total + Number(count), 0);
}
