import { require } from './modules.js';

interface GenerationGroup {
  generationId: number | null;
  fetch(nodeId: string): Promise<unknown[]>;
}

/**
 * With several brokers there are several fetchers, and one of them may rejoin the group while another waits for its
 * answer (src/consumer/consumerGroup.js, recoverFromFetch). That answer was asked for at the positions of the old
 * generation; taken in under the new one it would move a partition's position over records that nobody has done.
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
