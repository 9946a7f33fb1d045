import { MemoryClassifier } from '../support/memory-classifier.js';
import { MemorySink } from '../support/memory-sink.js';
import { MemorySource, MemoryTopic } from '../support/memory-source.js';
import { classifierContract } from './classifier.contract.js';
import { sinkContract } from './sink.contract.js';
import { sourceContract } from './source.contract.js';

sourceContract({
  name: 'MemorySource',
  can: new Set(['append', 'gather', 'commit', 'rebalance']),
  rig: async (_, counts) => {
    const topic = new MemoryTopic(...counts);
    return {
      open: async batchRecords => new MemorySource(topic, { batchRecords, waits: true }),
      append: async (partition, count) => topic.append(partition, count),
      committed: async () => topic.committed,
      rebalance: async source => (source as MemorySource).rebalance(),
    };
  },
});

sinkContract({
  name: 'MemorySink',
  can: new Set(['refuse', 'keep originals']),
  rig: async () => {
    const sink = new MemorySink({ maxLabelBytes: 10_000 });
    const stored = async () =>
      sink.stored.map(outcome => ({
        ...outcome.record,
        kind: outcome.kind === 'labelled' ? outcome.kind : ('rejected' as const),
        ...(outcome.kind === 'rejected' ? { reason: outcome.reason, original: outcome.record } : {}),
      }));
    return { sink, stored };
  },
});

classifierContract({ name: 'MemoryClassifier', make: async () => new MemoryClassifier(), poison: 'poison' });
