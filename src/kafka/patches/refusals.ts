import { require } from './modules.js';

interface BrokerPool {
  withBroker<T>(ask: (broker: unknown) => Promise<T>): Promise<T | null>;
}

/**
 * Throws the brokers' refusal when none of them gives an answer. kafkajs asks its brokers one after the other, for the
 * coordinator of a group and for metadata, and forgets the reason of each failure (src/cluster/brokerPool.js,
 * withBroker). A missing right on the group came out as a coordinator that cannot be found. Waiting might mend that, so
 * a consumer without the right tried for ever.
 */
export function keepRefusals(): void {
  const { prototype } = require('kafkajs/src/cluster/brokerPool') as { prototype: BrokerPool };
  const { withBroker } = prototype;
  prototype.withBroker = async function <T>(ask: (broker: unknown) => Promise<T>) {
    const refusals: unknown[] = [];
    const answer = await withBroker.call(this, (broker: unknown) =>
      ask(broker).catch(error => {
        if (/AUTHORIZATION_FAILED$/.test((error as { type?: string }).type ?? '')) refusals.push(error);
        throw error;
      }),
    );
    if (answer === null && refusals.length > 0) throw refusals[0];
    return answer as T | null;
  };
}
