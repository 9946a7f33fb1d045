import { unframe } from '../avro/framing.js';
import { invariant } from '../errors.js';
import { type SchemaName, shippedSchema } from '../producer/schemas.js';

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
  readonly consumed: bigint;
  readonly labelled: bigint;
  readonly rejected: Readonly<Record<string, bigint>>;
  readonly skipped: Readonly<Record<string, bigint>>;
  readonly revoked: bigint;
}

/** Reads siftline's records in the way of any other reader: Confluent framing, then Avro with the shipped schemas. */
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
