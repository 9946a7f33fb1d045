import type { Message } from 'kafkajs';

/** What a message takes in a record batch, a little too much: key, value, headers and the record's own fields. */
export function bytesOf({ key, value, headers }: Message): number {
  const pairs = (headers ?? []) as unknown as ReadonlyArray<readonly [string, Buffer | null]>;
  const ofHeaders = pairs.reduce(
    (sum, [name, content]) => sum + Buffer.byteLength(name) + (content?.length ?? 0) + 10,
    0,
  );
  return (key?.length ?? 0) + (value?.length ?? 0) + ofHeaders + 100;
}
