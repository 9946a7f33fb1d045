import { singleObjectBody, singleObjectHeader, unframe } from '../avro/framing.js';
import { buildType } from '../avro/type.js';
import { shippedSchema } from './schemas.js';

/** A record of the metrics topic (schemas/metrics-window.avsc) as plain data; counts are numbers. */
export type ReadWindow = Readonly<Record<string, unknown>>;

/** Reads the records of a metrics topic, in Avro of either framing or in JSON. */
export class WindowReader {
  readonly #type = buildType(shippedSchema('metrics-window').json);
  readonly #header = singleObjectHeader(this.#type);

  /** Returns undefined for a record that is no window. */
  read(value: Buffer | null): ReadWindow | undefined {
    try {
      if (value === null) return undefined;
      if (value[0] === '{'.charCodeAt(0)) return windowIn(JSON.parse(value.toString('utf8')));
      const parts = unframe(value);
      const body = singleObjectBody(value, this.#header) ?? (parts.kind === 'framed' ? parts.body : undefined);
      return body && windowIn(plain(this.#type.fromBuffer(body)));
    } catch {
      return undefined;
    }
  }
}

function windowIn(value: unknown): ReadWindow | undefined {
  const isWindow = typeof value === 'object' && value !== null && 'instance' in value && 'labelled' in value;
  return isWindow ? (value as ReadWindow) : undefined;
}

/** Returns a decoded value with counts as numbers: they stay far below 2^53. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? Number(each) : each)));
}
