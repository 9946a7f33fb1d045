/** A decoded message, as far as transactions go. */
export interface TransactionalMessage {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly isControlRecord: boolean;
  /** Missing for messages from before Kafka 0.11. */
  readonly batchContext?: { readonly producerId: string; readonly inTransaction: boolean };
}

/** The broker's word that a producer's transaction beginning at this offset was aborted. */
export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: string;
}

/**
 * The messages of a fetch without those of aborted transactions: a producer's messages are hidden from the first offset
 * of its aborted transaction to its abort marker (KIP-98). Markers stay. In place of kafkajs' own filter
 * (src/consumer/filterAbortedMessages.js), which begins one transaction a message: of two that both begin before the
 * first message of a fetch, it lets the first message of the second one through.
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

/** A control record's key is a version (int16) and a type (int16), of which 0 is an abort. */
function isAbort(key: Buffer | null): boolean {
  return key !== null && key.length >= 4 && key.readInt16BE(2) === 0;
}
