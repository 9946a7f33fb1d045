import { askRaw } from './raw-request.js';

/** The header of AlterClientQuotas, version 0, without a client id. */
const HEADER = Buffer.from([0, 49, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);

/**
 * Sets quotas for a client id, by Kafka's names for them: `{ producer_byte_rate: 5000 }`. kafkajs has no function for
 * it.
 */
export async function setQuotas(bootstrap: string, clientId: string, quotas: Record<string, number>): Promise<void> {
  const entity = array([Buffer.concat([text('client-id'), text(clientId)])]);
  const ops = array(Object.entries(quotas).map(([key, value]) => Buffer.concat([text(key), double(value), no()])));
  const answer = await askRaw(bootstrap, Buffer.concat([HEADER, array([Buffer.concat([entity, ops])]), no()]));
  // The response: correlation id, throttle time, the number of entries, and the error code of the first one.
  const error = answer.readInt16BE(12);
  if (error !== 0) throw new Error(`the broker refused the quotas: error ${error}`);
}

function array(items: readonly Buffer[]): Buffer {
  const count = Buffer.alloc(4);
  count.writeInt32BE(items.length);
  return Buffer.concat([count, ...items]);
}

function text(value: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeInt16BE(Buffer.byteLength(value));
  return Buffer.concat([length, Buffer.from(value)]);
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes;
}

function no(): Buffer {
  return Buffer.from([0]);
}
