/** Cuts a stream of bytes into Kafka's frames: four bytes of length, then as many bytes. */
export class Frames {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /**
   * The bytes that are needed for the next frame. It avoids a look at every chunk, since a large frame comes in many.
   */
  #needed = 4;

  /** Returns the frames that are complete now, each with its length in front. */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return [];
    let rest = Buffer.concat(this.#chunks);
    const frames: Buffer[] = [];
    this.#needed = 4;
    while (rest.length >= 4) {
      this.#needed = 4 + rest.readInt32BE(0);
      if (rest.length < this.#needed) break;
      frames.push(rest.subarray(0, this.#needed));
      rest = rest.subarray(this.#needed);
      this.#needed = 4;
    }
    this.#chunks = [rest];
    this.#bytes = rest.length;
    return frames;
  }
}

/** The API keys of the protocol that the faults name. */
export const API_KEYS = {
  Produce: 0,
  OffsetCommit: 8,
  OffsetFetch: 9,
  InitProducerId: 22,
  AddPartitionsToTxn: 24,
  AddOffsetsToTxn: 25,
  EndTxn: 26,
  TxnOffsetCommit: 28,
} as const;
export type ApiName = keyof typeof API_KEYS;

export function apiKeyOf(request: Buffer): number {
  return request.readInt16BE(4);
}

/** Returns the client id of a request: two bytes of length, then the text, after the correlation id. */
export function clientIdOf(request: Buffer): string {
  const length = request.readInt16BE(12);
  return length > 0 ? request.toString('utf8', 14, 14 + length) : '';
}

/** Returns the correlation id: after api key and api version in a request, right after the length in a response. */
export function correlationOf(frame: Buffer, kind: 'request' | 'response'): number {
  return frame.readInt32BE(kind === 'request' ? 8 : 4);
}
