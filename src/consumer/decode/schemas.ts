import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { type BodyScan, createBodyScan } from '../../avro/bounds.js';
import type { SchemaAnswer, SchemaKey } from '../../avro/registry.js';
import { statusOf } from '../../avro/registry-errors.js';
import { type AvroType, buildType } from '../../avro/type.js';
import { writerSchema } from '../../avro/writer-schema.js';
import { messageOf, SiftlineError } from '../../errors.js';
import type { Rejection } from '../../ports.js';
import { rejected } from './value-reader.js';

/** Gives schemas by id: the registry's client, or a list in a test. Throws when it has no answer. */
export interface SchemaSource {
  schemaById(id: SchemaKey): Promise<SchemaAnswer>;
}

/** A schema that is ready for use, or the rejection of every record that was written with it. */
export type ReadySchema = { readonly kind: 'ready'; readonly type: AvroType; readonly scan: BodyScan } | Rejection;

/** A schema that the registry does not give, and the registry's answer. */
export interface SchemaWait {
  readonly schemaId: SchemaKey;
  /** Seconds since it was first asked for. */
  readonly seconds: number;
  /** The HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  readonly error: string;
}

export interface SchemasOptions {
  /** Time without an answer after which the records of a schema are rejected; undefined waits for ever. */
  readonly giveUpSeconds?: number | undefined;
  /** Called for a schema that is waited for: at the first refusal, and every minute while the wait lasts. */
  readonly waits?: (wait: SchemaWait) => void;
}

/** A schema that was asked for and is not there yet. */
interface WantedSchemaId {
  readonly since: number;
  /** The time at which a record last named it. */
  named: number;
  /** Pause before the next question. */
  pauseMs: number;
  /** The question under way, with the pause before it; resolves with undefined when the registry refused. */
  flight?: Promise<ReadySchema | undefined> | undefined;
  error?: unknown;
  /** The time of the last call of `waits` for it. */
  told?: number;
}

const MAX_SCHEMAS = 1_000;
const QUESTIONS_AT_ONCE = 8;
const PAUSE_MS = { first: 200, most: 10_000 };
const TELL_EVERY_MS = 60_000;
/** A schema that no record has named for this time, or for `giveUpSeconds` if longer, is forgotten. */
const FORGET_MS = 60_000;

/**
 * Keeps schemas by id, ready to decode with. Each is asked for separately, again after growing pauses, as long as records
 * name it: a schema that the registry does not give holds up no other.
 *
 * The states of an id:
 *
 * - *unknown*: no record has named it. Ends when one does: *wanted*.
 * - *wanted*: it is asked for, and there is no answer yet. Ends with an answer: *ready*. Ends after `giveUpSeconds`:
 *   *given up*. Ends when no record names it for a while: *unknown*.
 * - *given up*: its records are rejected, and the registry is still asked. Ends as *wanted* does.
 * - *ready*: for good, since a schema id never changes its schema.
 */
export class Schemas {
  readonly #source: SchemaSource;
  readonly #options: SchemasOptions;
  readonly #ready = new LRUCache<SchemaKey, ReadySchema>({ max: MAX_SCHEMAS });
  readonly #wanted = new Map<SchemaKey, WantedSchemaId>();

  constructor(source: SchemaSource, options: SchemasOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** Returns the schema to decode with; undefined when it must be fetched first. */
  get(id: SchemaKey): ReadySchema | undefined {
    const ready = this.#ready.get(id);
    if (ready) return ready;
    const wanted = this.#wantedNow(id);
    if (!wanted || this.#leftMs(wanted) > 0) return undefined;
    wanted.named = performance.now();
    void this.#ask(id, wanted);
    return this.#givenUp(id, wanted);
  }

  /**
   * Asks once for each of these ids, a few at a time, and calls `ready` for those that are ready. An id that the registry
   * does not know is ready as well, as a rejection, for this time. Never rejects.
   */
  async fetch(ids: readonly SchemaKey[], ready: (id: SchemaKey, schema: ReadySchema) => void): Promise<void> {
    const left = ids.values();
    const askInTurn = async () => {
      for (const id of left) {
        const schema = this.get(id) ?? (await this.#fetch(id)) ?? this.get(id);
        if (schema) ready(id, schema);
      }
    };
    await Promise.all(Array.from({ length: Math.min(QUESTIONS_AT_ONCE, ids.length) }, askInTurn));
  }

  /** Returns an id with the reason why its schema is missing, for people. */
  describe(id: SchemaKey): string {
    return `schema id ${id} (${reasonOf(this.#wanted.get(id)?.error)})`;
  }

  /** Resolves when the question is answered, or when the schema is to be given up. */
  async #fetch(id: SchemaKey): Promise<ReadySchema | undefined> {
    const wanted = this.#wantedNow(id) ?? this.#want(id);
    wanted.named = performance.now();
    const flight = this.#ask(id, wanted);
    const left = this.#leftMs(wanted);
    if (left === Number.POSITIVE_INFINITY) return flight;
    const over = new AbortController();
    // Timers may end a little early.
    const givenUp = sleep(Math.ceil(left) + 1, undefined, { ref: false, signal: over.signal }).catch(() => undefined);
    return Promise.race([flight, givenUp]).finally(() => over.abort());
  }

  #ask(id: SchemaKey, wanted: WantedSchemaId): Promise<ReadySchema | undefined> {
    wanted.flight ??= this.#question(id, wanted).finally(() => {
      wanted.flight = undefined;
    });
    return wanted.flight;
  }

  async #question(id: SchemaKey, wanted: WantedSchemaId): Promise<ReadySchema | undefined> {
    if (wanted.error !== undefined) {
      await sleep(wanted.pauseMs, undefined, { ref: false });
      wanted.pauseMs = Math.min(wanted.pauseMs * 2, PAUSE_MS.most);
    }
    try {
      const answer = await this.#source.schemaById(id);
      this.#wanted.delete(id);
      // An unknown id is not kept, since its schema may be registered at any moment. A known schema never changes.
      if (answer.kind === 'unknown')
        return rejected('AVRO_SCHEMA_UNKNOWN', `the registry has no schema id ${id}${id === 0 ? APICURIO : ''}`);
      const schema = answer.kind === 'schema' ? build(id, answer) : unusable(id, answer.detail);
      this.#ready.set(id, schema);
      return schema;
    } catch (error) {
      wanted.error = error;
      this.#tell(id, wanted);
      return undefined;
    }
  }

  #tell(schemaId: SchemaKey, wanted: WantedSchemaId): void {
    const now = performance.now();
    if (wanted.told !== undefined && now - wanted.told < TELL_EVERY_MS) return;
    wanted.told = now;
    const { since, error } = wanted;
    const seconds = Math.round((now - since) / 1000);
    this.#options.waits?.({ schemaId, seconds, status: statusOf(error), error: messageOf(error) });
  }

  #want(id: SchemaKey): WantedSchemaId {
    // Ids that no record names any more are forgotten here; they would gather otherwise.
    if (this.#wanted.size >= MAX_SCHEMAS) for (const known of this.#wanted.keys()) this.#wantedNow(known);
    const now = performance.now();
    const wanted = { since: now, named: now, pauseMs: PAUSE_MS.first };
    this.#wanted.set(id, wanted);
    return wanted;
  }

  /** Returns undefined when the id is not wanted, or was last named so long ago that it is forgotten. */
  #wantedNow(id: SchemaKey): WantedSchemaId | undefined {
    const wanted = this.#wanted.get(id);
    const { giveUpSeconds = 0 } = this.#options;
    const isIdle =
      !!wanted && !wanted.flight && performance.now() - wanted.named > Math.max(FORGET_MS, giveUpSeconds * 1000);
    if (isIdle) this.#wanted.delete(id);
    return isIdle ? undefined : wanted;
  }

  /** Returns the milliseconds until it is given up; 0 or less when it is. */
  #leftMs({ since }: WantedSchemaId): number {
    const { giveUpSeconds } = this.#options;
    if (giveUpSeconds === undefined) return Number.POSITIVE_INFINITY;
    return since + giveUpSeconds * 1000 - performance.now();
  }

  #givenUp(id: SchemaKey, { error }: WantedSchemaId): Rejection {
    const { giveUpSeconds } = this.#options;
    const detail = `the registry has not given schema id ${id} for ${giveUpSeconds} s (${reasonOf(error)})`;
    return rejected('AVRO_SCHEMA_UNAVAILABLE', detail);
  }
}

/** Apicurio's ids of 8 bytes begin with four zeros. */
const APICURIO =
  ", which is none; Apicurio's serializers write ids of 8 bytes unless they are told to write Confluent's ids of 4";

function reasonOf(error: unknown): string {
  const status = statusOf(error);
  if (status !== undefined) return `HTTP ${status}`;
  return error instanceof SiftlineError ? error.code : 'no answer yet';
}

function build(id: SchemaKey, { schema, references }: Extract<SchemaAnswer, { kind: 'schema' }>): ReadySchema {
  try {
    const type = buildType(writerSchema(schema, references));
    return { kind: 'ready', type, scan: createBodyScan(type) };
  } catch (error) {
    return unusable(id, messageOf(error).slice(0, 200));
  }
}

function unusable(id: SchemaKey, why: string): Rejection {
  return rejected('AVRO_SCHEMA_UNUSABLE', `schema id ${id}: ${why}`);
}
