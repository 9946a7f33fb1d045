import { unframe } from '../../src/avro/framing.js';
import { buildType } from '../../src/avro/type.js';
import type { SourceRecord } from '../../src/ports.js';
import { shippedSchema } from '../../src/producer/schemas.js';

/** A record of the labels topic, with the fields that the tests read. */
export interface Label {
  readonly id: string;
  readonly source: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: bigint;
    readonly timestamp: bigint;
    readonly textId: string | null;
  };
  readonly tasks: ReadonlyArray<{
    readonly task: string;
    readonly label: string;
    readonly score: number;
    readonly labels: string[];
    readonly scores: Record<string, number>;
    readonly window: { readonly index: number; readonly fromToken: number; readonly toToken: number } | null;
  }>;
  readonly decision: string | null;
  readonly explanations: ReadonlyArray<{
    readonly label: string;
    readonly words: ReadonlyArray<{ readonly start: number; readonly end: number }>;
  }>;
  readonly model: { readonly name: string; readonly sha256: string };
  readonly tokens: number;
  readonly truncated: boolean;
  readonly windows: number;
}

const types = {
  classification: buildType(shippedSchema('classification').json),
  'metrics-window': buildType(shippedSchema('metrics-window').json),
};

function decode(record: SourceRecord, schema: keyof typeof types): { schemaId: number; value: unknown } {
  const parts = unframe(record.value ?? Buffer.alloc(0));
  if (parts.kind !== 'framed') throw new Error(parts.detail);
  return { schemaId: parts.id, value: types[schema].fromBuffer(parts.body) };
}

export function labelOf(record: SourceRecord): Label {
  return decode(record, 'classification').value as Label;
}

export function windowOf(record: SourceRecord): Record<string, unknown> {
  return decode(record, 'metrics-window').value as Record<string, unknown>;
}

export function schemaIdOf(record: SourceRecord): number {
  return decode(record, 'classification').schemaId;
}

/** Returns the last value of a header, as text. */
export function headerOf(record: SourceRecord, key: string): string | undefined {
  return record.headers.findLast(([name]) => name === key)?.[1]?.toString();
}

export interface StageTopics {
  readonly input: string;
  readonly labels: string;
  readonly rejected: string;
  readonly metrics: string;
}

/** Returns the configuration of a stage over these topics. */
export function stageFields(topics: StageTopics, group: string): Record<string, string> {
  return {
    'input.topics': topics.input,
    'input.group': group,
    'output.labelsTopic': topics.labels,
    'output.rejectedTopic': topics.rejected,
    'output.metricsTopic': topics.metrics,
  };
}

/** The schema as it was, less what has been added. */
export function withoutFields(json: unknown, added: readonly string[]): unknown {
  if (Array.isArray(json)) {
    return json.filter(each => !added.includes(each?.name)).map(each => withoutFields(each, added));
  }
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, withoutFields(value, added)]));
}
