import { z } from 'zod';

/**
 * The kinds of value that a field can have. The description of a kind is a noun phrase, which error messages and the
 * reference use for the values that are allowed. The description of a field, set where the field is defined, is its
 * sentence.
 */

/** Returns the kind of a whole number within bounds, both included. The unit is in the field's name. */
export function whole(min: number, max: number): z.ZodNumber {
  return z.number().int().min(min).max(max);
}

export const text = z.string().min(1).max(1000).describe('text');

export const probability = z.number().min(0).max(1);

/**
 * A path into a record, as consumer/decode/text-and-json.ts reads it; a backslash takes the next character literally.
 */
export const fieldPath = z
  .string()
  .max(1000)
  .regex(/^(?:\\.|[^.\\])+(?:\.(?:\\.|[^.\\])+)*$/)
  .describe('a field name or path, such as text or post.body.text');

/** A place that an id is read from; consumer/decode/text-and-json.ts reads it too. */
export const idPlace = z
  .string()
  .max(1000)
  .regex(/^(?!header:$)(?:header:.+|(?:\\.|[^.\\])+(?:\.(?:\\.|[^.\\])+)*)$/)
  .describe('a field name or path, such as id or post.id, header:NAME, or record:key');

/** A Kafka topic name, by the broker's own rule. */
export const topicName = z
  .string()
  .regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/)
  .describe('a topic name (letters, digits, dot, underscore, hyphen; at most 249)');

/** A broker address. No IPv6 literal: kafkajs cuts the address at the first colon. */
export const hostPort = z
  .string()
  .regex(/^[A-Za-z0-9._-]+:[0-9]{1,5}$/)
  .refine(address => isPort(Number(address.slice(address.lastIndexOf(':') + 1))))
  .describe('host:port, such as kafka:9092');

/**
 * A path that can be told from a pasted secret or certificate. A password that is written into a `...File` field is
 * refused, and not shown, before anything tries to open it.
 */
export const filePath = z
  .string()
  .regex(/^(?:\/|\.{1,2}\/|[A-Za-z]:[\\/])[^\r\n]{1,4000}$/)
  .describe('a file path that starts with /, ./ or ../');

/** An address without user name and password, so that it can be logged. */
export const httpUrl = z
  .string()
  .regex(/^https?:\/\/[^\s@]+$/)
  .refine(address => URL.canParse(address))
  .describe('an http:// or https:// address without user name and password');

/** Returns the description of a field that is never printed. `writeOnly` is JSON Schema's own word for it. */
export function secret(description: string): { description: string; writeOnly: true } {
  return { description, writeOnly: true };
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65535;
}
