/** A decoded message, with the parts that matter to transactions. */
export interface TransactionalMessage {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly isControlRecord: boolean;
  /** Missing for messages from before Kafka 0.11. */
  readonly batchContext?: { readonly producerId: string; readonly inTransaction: boolean };
}

/**
 * Says that a producer's transaction which begins at this offset was aborted; part of the broker's answer to a fetch.
 */
export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
}

/**
 * Removes the messages of aborted transactions from a fetch. A producer's messages are hidden from the first offset of
 * its aborted transaction to its abort marker (KIP-98). Markers stay.
 *
 * It replaces kafkajs' own filter (src/consumer/filterAbortedMessages.js), which begins one transaction per message. Of
 * two transactions that both begin before the first message of a fetch, that filter lets the first message of the
 * second one through.
 */
export function withoutAborted<M extends TransactionalMessage>({
  messages,
  abortedTransactions,
}: {
  readonly messages: readonly M[];
  readonly abortedTransactions?: readonly AbortedTransaction[] | null;
}): M[] {
  if (!abortedTransactions?.length) return [...messages];
  const coming = abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId, first: BigInt(firstOffset) }))
    .sort((a, b) => (a.first < b.first ? -1 : 1));
  const begun = new Set<string>();
  return messages.filter(({ offset, key, isControlRecord, batchContext }) => {
    while (coming[0] && coming[0].first <= BigInt(offset)) begun.add(coming.shift()?.producerId ?? '');
    const producerId = batchContext?.producerId ?? '';
    if (isControlRecord && isAbort(key)) begun.delete(producerId);
    return isControlRecord || !(batchContext?.inTransaction && begun.has(producerId));
  });
}

/**
 * Reads the type of a control record. The grammar of its key (KIP-98):
 *
 *     key = version             int16, big endian
 *           type                int16, big endian: 0 aborts, 1 commits
 */
function isAbort(key: Buffer | null): boolean {
  return key !== null && key.length >= 4 && key.readInt16BE(2) === 0;
}
