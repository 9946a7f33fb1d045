import { require } from './modules.js';

interface GenerationGroup {
  generationId: number | null;
  fetch(nodeId: string): Promise<unknown[]>;
}

/**
 * Drops the answer to a fetch that was sent in an earlier generation. With several brokers there are several fetchers,
 * and one of them may rejoin the group while another waits for its answer (src/consumer/consumerGroup.js,
 * recoverFromFetch). That answer starts at the positions of the old generation. Taken in under the new generation, it
 * would move a partition's position past records that are not done.
 */
export function dropStaleFetches(): void {
  const { prototype } = require('kafkajs/src/consumer/consumerGroup') as { prototype: GenerationGroup };
  const { fetch } = prototype;
  prototype.fetch = async function (nodeId) {
    const { generationId } = this;
    const batches = await fetch.call(this, nodeId);
    return this.generationId === generationId ? batches : [];
  };
}
