/**
 * Opens the envelopes of change events: Debezium's, and the one of Connect's JSON converter.
 *
 *     connect  = { "schema": any, "payload": value }      Connect's JsonConverter with schemas.enable=true
 *     debezium = event | { "schema": any, "payload": event }
 *     event    = { "op": "c" | "r" | "u", "after": row }  a row was inserted, read by a snapshot, updated
 *              | { "op": "d" } | { "op": "t" }            a row was deleted, a table was emptied
 *              | { "op": "m" }                            a message of the database's log, which is no row
 *              | { "ts_ms" }                              a heartbeat
 *              | { "status": "BEGIN" | "END", "id", ... } the begin or the end of a transaction
 *              | { "source", "databaseName", "ddl", ... } a change of a schema
 *     row      = object | string                          the MongoDB connector writes a document as JSON in a string
 *
 * The names are those of Debezium 1 to 3. Null in place of an event, or of a payload, is a tombstone.
 */

import type { Rejection, Skip, SkipReason } from '../../ports.js';
import type { Open } from './field-path.js';
import { rejected } from './value-reader.js';

/** The envelopes around a value. `cloudevents` is opened before its value is decoded: see cloud-events.ts. */
export type Envelope = 'none' | 'debezium' | 'connect' | 'cloudevents';

/** A value as its format has decoded it. */
export interface Found {
  readonly kind: 'found';
  readonly value: unknown;
  readonly open?: Open | undefined;
  /** The JSON that the value was parsed from, in which numbers stand as they were written. */
  readonly json?: string | undefined;
  /** The place of the value in `json`; the root when undefined. */
  readonly at?: readonly string[] | undefined;
}

/** Returns what is inside an envelope, or says why there is nothing to classify in it. */
export type Opener = (found: Found) => Found | Skip | Rejection;

/** Returns the opener of an envelope around a decoded value; undefined for a value without one. */
export function openerOf(envelope: Envelope): Opener | undefined {
  if (envelope === 'debezium') return found => openDebezium(rootOf(found));
  return envelope === 'connect' ? found => openConnect(rootOf(found)) : undefined;
}

function rootOf(found: Found): Found {
  return found.open ? { ...found, value: found.open(found.value) } : found;
}

/** Debezium's default `unavailable.value.placeholder`: a large column that the change did not touch. */
const UNAVAILABLE = '__debezium_unavailable_value';

/** Returns the skip of a change whose text is not in the event, given the values of the text fields. */
export function withoutText(values: readonly unknown[]): Skip | undefined {
  const isMissing = (value: unknown) => (Array.isArray(value) ? value[0] : value) === UNAVAILABLE;
  return values.some(isMissing) ? skipped('CHANGE_UNAVAILABLE') : undefined;
}

function openConnect(found: Found): Found | Skip | Rejection {
  const { value } = found;
  if (value === null) return skipped('TOMBSTONE');
  if (!isObject(value) || !isWrapper(value)) {
    return malformed('the value is no object of "schema" and "payload", as Connect\'s JSON converter writes it');
  }
  const payload = inside(found, 'payload');
  return payload.value === null ? skipped('TOMBSTONE') : payload;
}

function openDebezium(found: Found): Found | Skip | Rejection {
  const event = isObject(found.value) && isWrapper(found.value) ? inside(found, 'payload') : found;
  if (event.value === null) return skipped('TOMBSTONE');
  if (!isObject(event.value)) return malformed('the value is no object, so no event of Debezium');
  switch (memberOf(event, 'op')) {
    case 'c':
    case 'r':
    case 'u':
      return rowAfter(event);
    case 'd':
      return skipped('CHANGE_DELETE');
    case 't':
      return skipped('CHANGE_TRUNCATE');
    case 'm':
      return skipped('CHANGE_MESSAGE');
    case undefined:
    case null:
      return besidesRows(event);
    default:
      return malformed('"op" is none of c, r, u, d, t and m');
  }
}

function rowAfter(event: Found): Found | Rejection {
  const row = inside(event, 'after');
  if (isObject(row.value)) return row;
  if (row.value === null || row.value === undefined) {
    return rejected('TEXT_MISSING', 'the event is no delete, and has nothing in "after"');
  }
  return typeof row.value === 'string' ? document(row.value) : malformed('"after" is no row');
}

/** Reads the document of a MongoDB connector. */
function document(json: string): Found | Rejection {
  try {
    const value: unknown = JSON.parse(json);
    if (isObject(value)) return { kind: 'found', value, json };
  } catch {
    // The error of JSON.parse quotes the document.
  }
  return malformed('"after" is a string, and not the JSON of a document');
}

const HEARTBEAT = ['ts_ms', 'ts_us', 'ts_ns'];
const TRANSACTION = [...HEARTBEAT, 'status', 'id', 'event_count', 'data_collections'];

/**
 * Tells apart the events that are about no row; they have no `op`. It takes none of them for a row that was taken out
 * of its envelope, whatever columns that row has: such a row must not be skipped.
 */
function besidesRows(event: Found): Skip | Rejection {
  const names = Object.keys(event.value as object);
  const only = (known: readonly string[]) => names.every(name => known.includes(name));
  if (names.includes('ts_ms') && only(HEARTBEAT)) return skipped('CHANGE_HEARTBEAT');
  const status = memberOf(event, 'status');
  if ((status === 'BEGIN' || status === 'END') && only(TRANSACTION)) return skipped('CHANGE_TRANSACTION');
  if (['source', 'databaseName', 'ddl'].every(name => names.includes(name))) return skipped('CHANGE_SCHEMA');
  return malformed('there is no "op": not an event of Debezium; rows that a connector has taken out need no envelope');
}

/** Returns true for an object of `schema` and `payload` and nothing else; Connect itself reads no other. */
function isWrapper(value: object): boolean {
  return Object.keys(value).length === 2 && Object.hasOwn(value, 'schema') && Object.hasOwn(value, 'payload');
}

function inside(found: Found, name: string): Found {
  return { ...found, value: memberOf(found, name), at: [...(found.at ?? []), name] };
}

function memberOf({ value, open }: Found, name: string): unknown {
  const member = isObject(value) && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  return open ? open(member) : member;
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function skipped(reason: SkipReason): Skip {
  return { kind: 'skipped', reason };
}

function malformed(detail: string): Rejection {
  return rejected('ENVELOPE_MALFORMED', detail);
}
