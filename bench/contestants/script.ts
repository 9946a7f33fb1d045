import { createRequire } from 'node:module';
import type { EachBatchPayload } from 'kafkajs';

/**
 * What the two Node scripts among the contestants have in common: kafkajs as it comes, `eachBatch`, chunks of so many
 * texts in the order they came, one `send` for the labels of a fetched batch. Written as the examples of these libraries are.
 */
export interface ScriptOptions {
  readonly brokers: string;
  readonly input: string;
  readonly output: string;
  readonly group: string;
  readonly chunk: number;
}

/** Labels of one chunk of texts, in order, and what it cost. */
export interface ChunkAnswer {
  readonly labels: readonly object[];
  readonly tokens: number;
  readonly paddedTokens: number;
}

export async function runScript(
  { brokers, input, output, group, chunk }: ScriptOptions,
  classify: (texts: readonly string[]) => Promise<ChunkAnswer>,
): Promise<void> {
  // Not src/kafka/patches: what people write has no patches.
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
        const labelled = messages.map(({ key }, i) => ({ key, value: JSON.stringify(answer.labels[i]) }));
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

/** The best label of each head, per text, out of logits of shape [texts, labels]. */
export function bestLabels(outputs: Readonly<Record<string, ArrayLike<number>>>, count: number): object[] {
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(
      Object.entries(outputs).map(([head, logits]) => {
        const width = logits.length / count;
        const own = Array.from({ length: width }, (_each, i) => Number(logits[row * width + i]));
        return [head, own.indexOf(Math.max(...own))];
      }),
    ),
  );
}
