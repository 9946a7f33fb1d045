import { createRequire } from 'node:module';
import type { EachBatchPayload } from 'kafkajs';
import type { TaskSpec } from '../../src/model/manifest.js';

/**
 * The common part of the two Node scripts among the contestants: kafkajs as it comes, `eachBatch`, chunks of this many
 * texts in order of arrival, and one `send` for the answers of a chunk. An answer has every label's probability, as
 * siftline's has. The scripts are written as the examples of these libraries are.
 */
export interface ScriptOptions {
  readonly brokers: string;
  readonly input: string;
  readonly output: string;
  readonly group: string;
  readonly tasks: readonly TaskSpec[];
  readonly chunk: number;
}

/** The answers to one chunk of texts, in order, and their cost. */
export interface ChunkAnswer {
  readonly answers: readonly object[];
  readonly tokens: number;
  readonly paddedTokens: number;
}

export async function runScript(
  { brokers, input, output, group, chunk }: ScriptOptions,
  classify: (texts: readonly string[]) => Promise<ChunkAnswer>,
): Promise<void> {
  // kafkajs is used without src/kafka/patches, since other people's scripts have no patches.
  const { Kafka, logLevel } = createRequire(import.meta.url)('kafkajs') as typeof import('kafkajs');
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.ERROR });
  const producer = kafka.producer();
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 250 });
  const done = { tokens: 0, paddedTokens: 0 };
  await producer.connect();
  await consumer.connect();
  await consumer.subscribe({ topics: [input], fromBeginning: true });
  consumer.on(consumer.events.GROUP_JOIN, () => console.error('{"event":"assigned"}'));
  await consumer.run({
    eachBatch: async ({ batch, heartbeat, resolveOffset, commitOffsetsIfNecessary }: EachBatchPayload) => {
      for (let start = 0; start < batch.messages.length; start += chunk) {
        const messages = batch.messages.slice(start, start + chunk);
        const texts = messages.map(({ value }) => (JSON.parse(String(value)) as { text: string }).text);
        const answer = await classify(texts);
        done.tokens += answer.tokens;
        done.paddedTokens += answer.paddedTokens;
        const labelled = messages.map(({ key }, i) => ({ key, value: JSON.stringify(answer.answers[i]) }));
        await producer.send({ topic: output, messages: labelled });
        resolveOffset(messages.at(-1)?.offset ?? '');
        await commitOffsetsIfNecessary();
        await heartbeat();
      }
    },
  });
  process.on('SIGTERM', () => {
    console.error(JSON.stringify({ event: 'totals', ...done }));
    process.exit();
  });
}

/** Returns for each text the probability of every label, by task, from logits of shape [texts, labels]. */
export function scoresByTask(
  outputs: Readonly<Record<string, ArrayLike<number>>>,
  tasks: readonly TaskSpec[],
  count: number,
): object[] {
  const [only] = Object.keys(outputs);
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(
      tasks.map(({ name, output, activation, labels }) => {
        const logits = outputs[output ?? only ?? ''];
        if (logits?.length !== count * labels.length) throw new Error(`no logits of task ${name}`);
        const own = labels.map((_label, i) => Number(logits[row * labels.length + i]));
        const scores = activation === 'softmax' ? softmax(own) : own.map(z => 1 / (1 + Math.exp(-z)));
        return [name, Object.fromEntries(labels.map((label, i) => [label, scores[i]]))];
      }),
    ),
  );
}

function softmax(logits: readonly number[]): number[] {
  const most = Math.max(...logits);
  const parts = logits.map(z => Math.exp(z - most));
  const sum = parts.reduce((all, part) => all + part, 0);
  return parts.map(part => part / sum);
}
