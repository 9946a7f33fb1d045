import { recordsOnly } from '../../src/consumer/buffer.js';
import { RangeSource } from '../../src/consumer/range-source.js';
import { recordAt } from '../support/memory-records.js';
import { sourceContract } from './source.contract.js';

sourceContract({
  name: 'RangeSource over memory',
  can: new Set(),
  rig: async (_, counts) => ({
    open: async batchRecords => {
      const source = new RangeSource({
        ranges: counts.map((count, partition) => ({ topic: 'memory', partition, from: 0n, to: BigInt(count) })),
        read: async function* ({ partition, from, to }, signal) {
          for (let at = from; at < to && !signal.aborted; at += 3n) {
            const next = at + 3n < to ? at + 3n : to;
            const records = Array.from({ length: Number(next - at) }, (__, i) => recordAt(partition, Number(at) + i));
            yield { records, next };
          }
        },
        limits: { records: 1_000, bytes: 1_000_000, batchRecords: 1_000, batchBytes: 1_000_000 },
        budget: recordsOnly(batchRecords),
      });
      await source.open();
      return source;
    },
  }),
});
