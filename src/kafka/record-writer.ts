/** Bytes, text that is written as UTF-8, or null: what a record's key, value and headers are. */
export type Content = Buffer | string | null | undefined;

/**
 * Writes the fields of one record (record batch, magic 2) into a buffer of exactly the size given. Numbers are zig-zag
 * varints of up to 53 bits (arithmetic, for JavaScript's bits end at 32), contents have their length in front and -1 for null (Kafka protocol, "Record").
 */
export class RecordWriter {
  readonly buffer: Buffer;
  #at = 0;

  constructor(size: number) {
    this.buffer = Buffer.allocUnsafe(size);
  }

  byte(value: number): void {
    this.buffer[this.#at++] = value;
  }

  varint(value: number): void {
    const magnitude = value < 0 ? -value - 1 : value;
    let rest = Math.floor(magnitude / 0x40);
    // The sign is the lowest bit, so the first byte has room for six of the number's.
    this.byte(((magnitude % 0x40) << 1) | (value < 0 ? 1 : 0) | (rest > 0 ? 0x80 : 0));
    while (rest > 0) {
      const low = rest % 0x80;
      rest = Math.floor(rest / 0x80);
      this.byte(low | (rest > 0 ? 0x80 : 0));
    }
  }

  content(content: Content): void {
    this.varint(content === null || content === undefined ? -1 : byteLength(content));
    if (typeof content === 'string') this.#at += this.buffer.write(content, this.#at);
    else if (content) this.#at += content.copy(this.buffer, this.#at);
  }
}

export function varintSize(value: number): number {
  let bytes = 1;
  for (let rest = Math.floor((value < 0 ? -value - 1 : value) / 0x40); rest > 0; rest = Math.floor(rest / 0x80))
    bytes += 1;
  return bytes;
}

export function contentSize(content: Content): number {
  if (content === null || content === undefined) return varintSize(-1);
  const bytes = byteLength(content);
  return varintSize(bytes) + bytes;
}

function byteLength(content: Buffer | string): number {
  return typeof content === 'string' ? Buffer.byteLength(content) : content.length;
}
