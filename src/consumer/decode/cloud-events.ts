/**
 * Reads CloudEvents 1.0 as the Kafka protocol binding lays them out.
 *
 *     binary     = headers ce_specversion, ce_id, ce_time, ...; the value is the data
 *     structured = { "specversion", "id", "time", "data" | "data_base64", ... }      the JSON event format
 *
 * A header `content-type` that begins with application/cloudevents makes a record structured. Of the formats that it
 * may name only JSON is read. A record without such a header is binary if it has a ce_specversion; else its value has
 * to be a structured event, since many producers and every file leave the header out.
 */

import type { Decoded, DecodedText, Rejection, SourceRecord } from '../../ports.js';
import { type Found, isObject } from './envelope.js';
import { type Fields, lastHeader, parseJson } from './text-and-json.js';
import { rejected, utf8, type ValueReader } from './value-reader.js';

export interface CloudEventOptions {
  readonly format: 'json' | 'text' | 'avro';
  /** Reads data in the format. */
  readonly data: ValueReader;
  /** Finds the text in data that is JSON; undefined for another format. */
  readonly fields: Fields | undefined;
  /** True if the event's id is the record's id. */
  readonly withId: boolean;
  /** True if the event's time is the event time of the record. */
  readonly withTime: boolean;
}

/** The attributes that a result takes over; undefined for one that the event does not have. */
interface EventAttributes {
  readonly specversion: unknown;
  readonly id: unknown;
  readonly time: unknown;
}

type Mode = 'binary' | 'structured' | Rejection;

/** Makes the reader of events whose data is in a format. */
export function createCloudEventReader(options: CloudEventOptions): ValueReader {
  return {
    isReady: record => modeOf(record, options) !== 'binary' || options.data.isReady(record),
    prepare: records => options.data.prepare(records.filter(record => modeOf(record, options) === 'binary')),
    awaits: record => options.data.awaits(record),
    read: (record, value) => {
      const mode = modeOf(record, options);
      if (mode === 'structured') return structured(record, value, options);
      return mode === 'binary'
        ? withAttributes(headerAttributes(record), options, () => options.data.read(record, value))
        : mode;
    },
  };
}

function modeOf({ headers }: SourceRecord, { format }: CloudEventOptions): Mode {
  const type = lastHeader(headers, 'content-type')?.toString('latin1').trim().toLowerCase();
  if (type?.startsWith('application/cloudevents')) {
    const [name = ''] = type.split(/[\s;]/);
    if (name.startsWith('application/cloudevents-batch'))
      return unsupported('a batch of events; send one event a record');
    if (name !== 'application/cloudevents+json' && name !== 'application/cloudevents') {
      return unsupported('an event format other than JSON in the header content-type');
    }
  } else if (lastHeader(headers, 'ce_specversion') !== undefined) {
    return 'binary';
  }
  return format === 'avro'
    ? unsupported('no header ce_specversion: only events in binary mode have data in Avro')
    : 'structured';
}

function headerAttributes({ headers }: SourceRecord): EventAttributes {
  const attribute = (name: string) => {
    const value = lastHeader(headers, name);
    return value ? utf8(value) : value;
  };
  return { specversion: attribute('ce_specversion'), id: attribute('ce_id'), time: attribute('ce_time') };
}

function structured(record: SourceRecord, value: Buffer, options: CloudEventOptions): Decoded {
  const parsed = parseJson(value);
  if (parsed.kind === 'rejected') return parsed;
  const event = parsed.value;
  if (Array.isArray(event)) return unsupported('a batch of events; send one event a record');
  if (!isObject(event)) return malformed('the value is no object, and there is no header ce_specversion');
  const attribute = (name: string) =>
    Object.hasOwn(event, name) ? (event as Record<string, unknown>)[name] : undefined;
  const attributes = { specversion: attribute('specversion'), id: attribute('id'), time: attribute('time') };
  const found: Found = { ...parsed, value: attribute('data'), at: ['data'] };
  return withAttributes(attributes, options, () =>
    dataIn(record, found, { base64: attribute('data_base64'), options }),
  );
}

/** Reads the data of a structured event: a JSON value in its place, or bytes of the format in Base64. */
function dataIn(
  record: SourceRecord,
  found: Found,
  { base64, options }: { readonly base64: unknown; readonly options: CloudEventOptions },
): Decoded {
  const { data, fields } = options;
  const isAbsent = found.value === undefined || found.value === null;
  if (base64 !== undefined && base64 !== null) {
    if (!isAbsent) return malformed('the event has both "data" and "data_base64"');
    const bytes = bytesOf(base64);
    return bytes ? data.read(record, bytes) : malformed('"data_base64" is no Base64');
  }
  if (isAbsent) return rejected('TEXT_MISSING', 'the event has no data');
  if (fields) return typeof found.value === 'string' ? noFields() : fields.decoded(record, found);
  return typeof found.value === 'string'
    ? data.read(record, Buffer.from(found.value))
    : rejected('TEXT_NOT_A_STRING', 'the data of the event is no string; input.format json reads a field of it');
}

function noFields(): Rejection {
  return rejected('TEXT_MISSING', 'the data of the event is a string and has no fields; input.format text reads it');
}

function bytesOf(base64: unknown): Buffer | undefined {
  const isBase64 = typeof base64 === 'string' && base64.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(base64);
  return isBase64 ? Buffer.from(base64, 'base64') : undefined;
}

/** Checks the attributes, reads the data, and gives a text the event's id and time. */
function withAttributes(
  { specversion, id, time }: EventAttributes,
  options: CloudEventOptions,
  read: () => Decoded,
): Decoded {
  if (typeof specversion !== 'string')
    return malformed('there is no "specversion" (header ce_specversion): not a CloudEvent');
  if (!/^1\.\d+$/.test(specversion)) return unsupported('an event of a version other than 1.0');
  if (typeof id !== 'string' || id === '') return malformed('the event has no id');
  const eventTime = options.withTime && time !== undefined && time !== null ? millisecondsOf(time) : undefined;
  if (typeof eventTime === 'object') return eventTime;
  const decoded = read();
  return decoded.kind === 'text'
    ? withOwn(decoded, options.withId ? id.toWellFormed() : decoded.id, eventTime)
    : decoded;
}

function withOwn({ text }: DecodedText, id: string | null, eventTime: bigint | undefined): DecodedText {
  return { kind: 'text', text, id, ...(eventTime !== undefined && { eventTime }) };
}

const TIME = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** Returns a timestamp of RFC 3339 in milliseconds since the epoch. Kafka has no time before it. */
function millisecondsOf(time: unknown): bigint | Rejection {
  const found = typeof time === 'string' ? TIME.exec(time) : null;
  if (!found) return wrongTime('no timestamp of RFC 3339');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map(Number);
  const [sign, offHour = 0, offMinute = 0] = [found[8] === '-' ? -1 : 1, Number(found[9] ?? 0), Number(found[10] ?? 0)];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isDate = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  // A leap second is written as 60.
  if (!isDate || hour > 23 || minute > 59 || second > 60 || offHour > 23 || offMinute > 59) {
    return wrongTime('no date or time of day');
  }
  const seconds = (hour * 60 + minute) * 60 + second - sign * (offHour * 60 + offMinute) * 60;
  const ms = date.getTime() + seconds * 1000 + Number(`${found[7] ?? '.'}000`.slice(1, 4));
  return ms >= 0 ? BigInt(ms) : wrongTime('before 1970, which Kafka cannot store');
}

function wrongTime(what: string): Rejection {
  return malformed(`the time of the event is ${what}; input.eventTime: record leaves it out`);
}

function malformed(detail: string): Rejection {
  return rejected('ENVELOPE_MALFORMED', detail);
}

function unsupported(what: string): Rejection {
  return rejected('ENVELOPE_UNSUPPORTED', `CloudEvents: ${what}`);
}
