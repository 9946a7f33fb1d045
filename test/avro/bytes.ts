/** Avro bytes written by hand, apart from avsc, so that tests can also write what no encoder would. */

/** A zigzag varint of any size. */
export function long(value: bigint | number): Buffer {
  let rest = BigInt.asUintN(128, (BigInt(value) << 1n) ^ (BigInt(value) >> 127n));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

export function string(text: string): Buffer {
  return counted(Buffer.from(text));
}

export function counted(bytes: Buffer): Buffer {
  return Buffer.concat([long(bytes.length), bytes]);
}

/** A block of an array or map; `sized` writes the negative count and the size that let a reader skip it. */
export function block(items: readonly Buffer[], sized = false): Buffer {
  const body = Buffer.concat(items);
  const head = sized ? [long(-items.length), long(body.length)] : [long(items.length)];
  return Buffer.concat([...head, body]);
}

export function framed(id: number, body: Buffer): Buffer {
  const head = Buffer.from([0, 0, 0, 0, 0]);
  head.writeInt32BE(id, 1);
  return Buffer.concat([head, body]);
}
