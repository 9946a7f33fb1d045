import { invariant, SiftlineError } from '../../errors.js';
import type { Decoded, Decoder, SourceRecord } from '../../ports.js';
import { createCloudEventReader } from './cloud-events.js';
import type { Envelope } from './envelope.js';
import type { IncludeOptions } from './field-path.js';
import { createFields, createJsonReader, createTextReader, type FieldOptions, type Fields } from './text-and-json.js';
import { beyondLimits, type RecordLimits, rejected, type ValueReader } from './value-reader.js';

export interface DecodeOptions extends RecordLimits, IncludeOptions {
  readonly format: 'json' | 'text' | 'avro';
  /**
   * The places of the text, as dotted paths: `text`, `post.body.text`, `items.0.title`. A backslash keeps a dot in a
   * key.
   */
  readonly textFields: readonly string[];
  /** Stands between the texts of several fields, and between the texts of a field that is a list. */
  readonly join: string;
  /**
   * The place of the record's own id: a path, `header:NAME` or `record:key`. Undefined is the field `id`, or the id of
   * a CloudEvent; null is none.
   */
  readonly idField?: string | null | undefined;
  /** Names the wrapping around the value; the paths begin inside it. */
  readonly envelope?: Envelope | undefined;
  /** Tells which time counts: that of a CloudEvent, which is the default, or that of its record. */
  readonly eventTime?: 'envelope' | 'record' | undefined;
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
  const { format, envelope, eventTime = 'envelope' } = options;
  invariant(format !== 'text' || !isAround(envelope), `format text was given the envelope ${envelope}`);
  if (envelope !== 'cloudevents') return readerOf(options, options.idField === undefined ? 'id' : options.idField);
  const idField = options.idField ?? null;
  return createCloudEventReader({
    format,
    data: readerOf(options, idField),
    fields: format === 'json' ? createFields({ ...options, idField }) : undefined,
    withId: options.idField === undefined,
    withTime: eventTime === 'envelope',
  });
}

function readerOf(options: DecodeOptions, idField: string | null): ValueReader {
  const fieldOptions: FieldOptions = { ...options, idField };
  switch (options.format) {
    case 'text':
      return createTextReader(idField);
    case 'json':
      return createJsonReader(createFields(fieldOptions));
    case 'avro':
      return needed(options.avro)(createFields(fieldOptions));
  }
}

/** Returns true for an envelope that only JSON and Avro have; the rules of the configuration keep it from text. */
function isAround(envelope: Envelope | undefined): boolean {
  return envelope === 'debezium' || envelope === 'connect';
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
