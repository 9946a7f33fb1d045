/*
 * The page of a crash journal.
 *
 *     content   = page spaces                    the length is a multiple of 1,024 that only grows
 *     page      = length SP checksum LF body
 *     length    = 8 hex digits: bytes of the body
 *     checksum  = 8 hex digits: CRC-32 of the body
 *     body      = { "group": string, "underWay": [entry...], "suspects": [suspect...] }         JSON, UTF-8
 *     entry     = { "alone": boolean, "places": [place...] }     alone: nothing else was with the model
 *     suspect   = [place, crashes, since]        deaths with this record alone; milliseconds since the epoch
 *     place     = [topic, partition, "offset"]   the offset is a string, since it may exceed 2^53
 *
 * A page is whole or it is ignored: a process can die, and a disk can be full, in the middle of a write. The page of an
 * older version is the body alone, without a group.
 */

import { crc32 } from 'node:zlib';
import { z } from 'zod';
import type { RecordPlace } from '../../ports.js';

const place = z.tuple([z.string(), z.number(), z.string()]);
const page = z.object({
  /** Absent in pages of older versions, which all groups of a folder believe. */
  group: z.string().optional(),
  /** Records that are with the model now. `alone` is true when nothing else is. */
  underWay: z.array(z.object({ alone: z.boolean(), places: z.array(place) })),
  /**
   * Records to be tried alone, each with the number of processes that have died on it alone, and the time since when it
   * is suspect.
   */
  suspects: z.array(z.tuple([place, z.number(), z.number()])),
});
export type JournalPage = z.output<typeof page>;

/** Returns the bytes of a page, without the spaces. */
export function encodePage(value: JournalPage): Buffer {
  const body = Buffer.from(JSON.stringify(value));
  return Buffer.concat([Buffer.from(`${hex(body.length)} ${hex(crc32(body))}\n`), body]);
}

const HEAD = /^([0-9a-f]{8}) ([0-9a-f]{8})\n/;

/** Returns the page that a file holds; undefined when it is not whole. */
export function decodePage(text: string): JournalPage | undefined {
  const [head = '', length = '', checksum] = HEAD.exec(text) ?? [];
  const bytes = Buffer.from(text.slice(head.length));
  const body = head === '' ? bytes : bytes.subarray(0, Number.parseInt(length, 16));
  if (head !== '' && (hex(body.length) !== length || hex(crc32(body)) !== checksum)) return undefined;
  return page.safeParse(parsed(body.toString())).data;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function writePlace({ topic, partition, offset }: RecordPlace): [string, number, string] {
  return [topic, partition, String(offset)];
}

export function readPlace([topic, partition, offset]: [string, number, string]): RecordPlace {
  return { topic, partition, offset: BigInt(offset) };
}
