import { SiftlineError } from '../../errors.js';
import type { Decoded, Decoder, SourceRecord } from '../../ports.js';
import type { IncludeOptions } from './included.js';
import { createFields, createJsonReader, createTextReader, type Fields } from './text-and-json.js';
import { beyondLimits, type RecordLimits, rejected, type ValueReader } from './value-reader.js';

export interface DecodeOptions extends RecordLimits, IncludeOptions {
  readonly format: 'json' | 'text' | 'avro';
  /**
   * The places of the text, as dotted paths: `text`, `post.body.text`, `items.0.title`. A backslash keeps a dot in a
   * key.
   */
  readonly textFields: readonly string[];
  /** Stands between the texts of several fields. */
  readonly join: string;
  /** The place of the record's own id, as a path. */
  readonly idField: string | undefined;
  readonly maxValueBytes: number;
  /** Limits the UTF-16 code units of the text that comes out; without it there is no limit. */
  readonly maxTextChars?: number | undefined;
  /** Needed for Avro: `createAvroReader` with the schemas. It is handed in, so that only a reader of Avro loads it. */
  readonly avro?: ((fields: Fields) => ValueReader) | undefined;
}

/**
 * Makes the decoder of a format. It never throws for the contents of a record: trouble is a rejection, whose detail
 * names fields and places and never quotes the record. A text that comes out is not blank and is well-formed Unicode.
 * A record that is rejected whatever its schema holds is ready without the schema. `createDecoder` itself throws for a
 * wrong path.
 */
export function createDecoder(options: DecodeOptions): Decoder {
  const reader = createReader(options);
  const { maxValueBytes, maxTextChars = Infinity } = options;
  const isReadable = (record: SourceRecord) => record.value !== null && record.value.length <= maxValueBytes;
  return {
    isReady: record => !isReadable(record) || reader.isReady(record) || beyondLimits(record, options) !== undefined,
    prepare: records => reader.prepare(records.filter(isReadable)),
    awaits: record => reader.awaits(record),
    decode: record => {
      const { value } = record;
      if (value === null) return { kind: 'skipped', reason: 'TOMBSTONE' };
      const beyond = beyondLimits(record, options);
      if (beyond) return beyond;
      if (value.length > maxValueBytes) return tooLarge(value, maxValueBytes);
      const decoded = reader.read(record, value);
      return decoded.kind === 'text' ? withinChars(decoded, maxTextChars) : decoded;
    },
  };
}

function createReader(options: DecodeOptions): ValueReader {
  switch (options.format) {
    case 'text':
      return createTextReader();
    case 'json':
      return createJsonReader(createFields(options));
    case 'avro':
      return needed(options.avro)(createFields(options));
  }
}

function needed(avro: DecodeOptions['avro']): NonNullable<DecodeOptions['avro']> {
  if (avro) return avro;
  throw SiftlineError.config(
    'DECODE_NO_SCHEMAS',
    'the input format is avro and no schema registry is set; set its URL, or another input format',
  );
}

function tooLarge(value: Buffer, limit: number): Decoded {
  return rejected('VALUE_TOO_LARGE', `the value has ${value.length} bytes, the limit is ${limit}`);
}

function withinChars(decoded: Decoded & { kind: 'text' }, limit: number): Decoded {
  const { length } = decoded.text;
  return length <= limit
    ? decoded
    : rejected('TEXT_TOO_LONG', `the text has ${length} characters, the limit is ${limit}`);
}
