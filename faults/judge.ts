import type { Kafka } from 'kafkajs';
import type { SourceRecord } from '../src/ports.js';
import { insist, withAdmin } from './client.js';
import type { Position } from './console-reader.js';
import type { Fed } from './feed.js';
import { marked } from './markers.js';
import { expectedOf, labelFound, rejectedFound } from './outputs.js';
import { type LogEntry, readCommitted, readRaw } from './reader.js';
import type { Result } from './result.js';
import { type Expected, type Found, verify } from './verifier.js';

/** Everything that a run has left in the topics. */
export interface Logs {
  readonly inputs: readonly SourceRecord[];
  /** The committed records of the labels and rejected topics. */
  readonly outputs: readonly SourceRecord[];
  readonly raw: readonly LogEntry[];
}

/** The functions that read the outputs of one writer, and the outcomes expected of it. */
export interface Judging {
  readonly expected: (input: SourceRecord, fed: readonly Fed[]) => Expected;
  readonly label: (record: SourceRecord) => Found;
}

export const SIFTLINE: Judging = { expected: expectedOf, label: labelFound };

export interface Case extends Judging {
  readonly kafka: Kafka;
  /** The name of the stage: the beginning of its topics' names, and its group. */
  readonly stage: string;
  readonly fed: readonly Fed[];
}

type Judgement = Pick<
  Result,
  'findings' | 'abortedSeen' | 'abortedVisible' | 'finalLag' | 'readersDiffer' | 'unread' | 'complaints' | 'positions'
>;

/** Reads everything that a run has left in the topics, and judges it. The second reader follows later, for all runs. */
export async function judge(one: Case): Promise<Judgement> {
  const { kafka, stage, fed } = one;
  const { input, labels, rejected } = topicsOf(stage);
  const expected = await readCommitted(kafka, [input], each => one.expected(each, fed));
  const found = await readCommitted(kafka, [labels, rejected], each =>
    each.topic === labels ? one.label(each) : rejectedFound(each),
  );
  const log = marked(await readRaw(kafka, [labels, rejected]));
  const { findings, complaints } = verify(expected, found);
  const places = new Set<string>(found.map(placeOf));
  const hidden = [...log.committed].filter(place => !places.has(place));
  return {
    findings,
    abortedSeen: log.aborted.size,
    abortedVisible: [...places].filter(place => log.aborted.has(place)).length,
    finalLag: await lagOf(kafka, stage),
    readersDiffer: hidden.length,
    unread: 0,
    complaints: [...complaints, ...hidden.map(place => `${place} is committed, and was not shown`)],
    positions: new Set(found.map((each): Position => `${placeOf(each)} ${each.id}`)),
  };
}

/** Returns the records that the judge has read, as they are in the topics, for the evidence. */
export async function logsOf(kafka: Kafka, stage: string): Promise<Logs> {
  const { input, labels, rejected } = topicsOf(stage);
  const whole = (record: SourceRecord) => record;
  return {
    inputs: await readCommitted(kafka, [input], whole),
    outputs: await readCommitted(kafka, [labels, rejected], whole),
    raw: await readRaw(kafka, [labels, rejected]),
  };
}

function topicsOf(stage: string): { input: string; labels: string; rejected: string } {
  return { input: `${stage}.in`, labels: `${stage}.labels`, rejected: `${stage}.rejected` };
}

function placeOf({ topic, partition, offset }: Found): `${string}/${number}@${string}` {
  return `${topic}/${partition}@${offset}`;
}

/** Returns the number of records of the input after the group's committed offsets. */
function lagOf(kafka: Kafka, stage: string): Promise<number> {
  const { input: topic } = topicsOf(stage);
  return insist(() =>
    withAdmin(kafka, async admin => {
      const ends = await admin.fetchTopicOffsets(topic);
      const [committed] = await admin.fetchOffsets({ groupId: stage, topics: [topic] });
      return ends.reduce((sum, { partition, high }) => {
        const offset = Number(committed?.partitions.find(each => each.partition === partition)?.offset ?? 0);
        return sum + Number(high) - Math.max(offset, 0);
      }, 0);
    }),
  );
}
