export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A partition as a map key: "topic/3". Topic names hold no slash. */
export function partitionId({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

export function parsePartitionId(id: string): TopicPartition {
  const at = id.lastIndexOf('/');
  return { topic: id.slice(0, at), partition: Number(id.slice(at + 1)) };
}
