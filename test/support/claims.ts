import type { Claim, Outcome } from '../../src/ports.js';

/** Returns the right to publish these outcomes, as the pipeline gives it for a batch of only these. */
export function claimOf(outcomes: readonly Outcome[], fields: Partial<Claim> & { epoch?: number } = {}): Claim {
  const next = new Map<string, { topic: string; partition: number; offset: bigint }>();
  for (const { record } of outcomes) {
    const { topic, partition, offset } = record;
    next.set(`${topic}/${partition}`, { topic, partition, offset: offset + 1n });
  }
  const records = outcomes.map(({ record }) => record);
  const { epoch = 1, ...rest } = fields;
  return {
    batch: { epoch, records, next: [...next.values()] },
    isCurrent: () => true,
    lose: () => {},
    leave: () => {},
    ...rest,
  };
}
