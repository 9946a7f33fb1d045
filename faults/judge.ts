import type { Kafka } from 'kafkajs';
import type { SourceRecord } from '../src/types.js';
import { insist, withAdmin } from './client.js';
import type { Position } from './console-reader.js';
import type { FedRecord } from './feed.js';
import { marked } from './markers.js';
import { expectedOf, labelFound, rejectedFound } from './outputs.js';
import { type PartitionMessage, readCommitted, readRaw } from './reader.js';
import type { Result } from './result.js';
import { type Expected, type Found, verify } from './verifier.js';

/** What is read at the end of a run. */
export interface Logs {
  readonly inputs: readonly SourceRecord[];
  /** Committed records of the labels and rejected topics. */
  readonly outputs: readonly SourceRecord[];
  readonly raw: readonly PartitionMessage[];
}

/** Who has written the outputs, and what may be expected of them. */
export interface Judging {
  readonly expected: (inputs: readonly SourceRecord[], fed: readonly FedRecord[]) => Expected[];
  readonly label: (record: SourceRecord) => Found;
}

export const SIFTLINE: Judging = { expected: expectedOf, label: labelFound };

export interface Case extends Judging {
  readonly kafka: Kafka;
  /** Name of the stage: start of its topics' names, and its group. */
  readonly stage: string;
  readonly fed: readonly FedRecord[];
}

type Judgement = Pick<
  Result,
  'findings' | 'abortedSeen' | 'abortedVisible' | 'finalLag' | 'readersDiffer' | 'complaints' | 'positions'
>;

/** Reads all that a run has left in the topics, and says what became of it. The second reader comes later, for all runs. */
export async function judge(one: Case): Promise<{ judgement: Judgement; evidence: Logs }> {
  const { kafka, stage, fed } = one;
  const written = [`${stage}.labels`, `${stage}.rejected`];
  const inputs = await readCommitted(kafka, [`${stage}.in`]);
  const outputs = await readCommitted(kafka, written);
  const raw = await readRaw(kafka, written);
  const log = marked(raw);
  const found = outputs.map(each => (each.topic === written[0] ? one.label(each) : rejectedFound(each)));
  const { findings, complaints } = verify(one.expected(inputs, fed), found);
  const places = new Set<string>(found.map(placeOf));
  const hidden = [...log.committed].filter(place => !places.has(place));
  const judgement = {
    findings,
    abortedSeen: log.aborted.size,
    abortedVisible: [...places].filter(place => log.aborted.has(place)).length,
    finalLag: await lagOf(kafka, stage),
    readersDiffer: hidden.length,
    complaints: [...complaints, ...hidden.map(place => `${place} is committed, and was not shown`)],
    positions: new Set(found.map((each): Position => `${placeOf(each)} ${each.id}`)),
  };
  return { judgement, evidence: { inputs, outputs, raw } };
}

function placeOf({ topic, partition, offset }: Found): `${string}/${number}@${string}` {
  return `${topic}/${partition}@${offset}`;
}

/** Records of the input behind the group's committed offsets. */
function lagOf(kafka: Kafka, stage: string): Promise<number> {
  const topic = `${stage}.in`;
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
