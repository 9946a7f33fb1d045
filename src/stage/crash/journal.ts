import { createHash, randomBytes } from 'node:crypto';
import { closeSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { createOwn, type KeptFolder, makeKeptFolder, readOwn, whyForeign, writeWhole } from '../../files.js';
import { type RecordPlace, recordId } from '../../ports.js';

const place = z.tuple([z.string(), z.number(), z.string()]);
const page = z.object({
  /** Absent in older pages, which all groups of a folder believe. */
  group: z.string().optional(),
  /** What is with the model now; `alone` when it is the only thing that is. */
  underWay: z.array(z.object({ alone: z.boolean(), places: z.array(place) })),
  /** Records to be tried alone, the number of processes that have died on them alone, and since when they are suspect. */
  suspects: z.array(z.tuple([place, z.number(), z.number()])),
});
type JournalPage = z.output<typeof page>;

interface Suspect {
  readonly place: RecordPlace;
  readonly crashes: number;
  readonly since: number;
}

export interface JournalOptions {
  readonly folder: KeptFolder;
  /** Folder of the version before, read as long as processes of that version have left pages in it. */
  readonly before?: KeptFolder | undefined;
  readonly group: string;
  /** Told once, when a page could not be written whole: what is under way is then not, or not all, in the journal. */
  readonly onTrouble?: (error: unknown) => void;
}

/** `inference-<pid>-<life>-<random>.page`; an older page is `inference-<pid>.json`. */
const NAME = /^inference-(\d+)(?:-([0-9a-f]{16})-[0-9a-f]{8}\.page|\.json)$/;
/** A page is written over the one before; spaces fill it up to a length that only grows. */
const PAD = 1024;
const FORGET_MS = 24 * 3_600_000;

/**
 * Notes which records are with the model right now, in a file that outlives the process: a native abort takes the whole
 * process with it and leaves no time to say on what. One write a batch, to a file that stays open; it reaches the page
 * cache, which survives any death of the process, though not of the machine.
 *
 * At the start, files of processes that are gone are read: what was under way in them is suspect. A process that ends
 * well leaves none. Pages of other users, of other groups and of processes that run are left as they are.
 *
 * A full disk never tears a page: room for a longer one is made behind it before it is written over. Without room the
 * page keeps all suspects and as much of what is under way as it holds.
 */
export class CrashJournal {
  static readonly #open = new Set<string>();
  readonly #options: JournalOptions;
  readonly #file: string;
  readonly #fd: number;
  readonly #underWay = new Map<object, { alone: boolean; places: readonly RecordPlace[] }>();
  readonly #suspects = new Map<string, Suspect>();
  #length = 0;
  #troubled = false;

  private constructor(options: JournalOptions) {
    this.#options = options;
    const { path } = options.folder;
    this.#file = join(path, `inference-${process.pid}-${lifeOf(process.pid)}-${randomBytes(4).toString('hex')}.page`);
    this.#fd = createOwn(this.#file);
    CrashJournal.#open.add(this.#file);
  }

  /** Throws FOLDER_FOREIGN, or what the file system says when the folder or its first page cannot be made. */
  static open(options: JournalOptions): CrashJournal {
    const { folder, before } = options;
    makeKeptFolder(folder);
    const journal = new CrashJournal(options);
    try {
      const left = [folder, ...(before && isSafe(before) ? [before] : [])].flatMap(each => journal.#collect(each.path));
      journal.#write();
      // Only now that they are in a page of ours.
      for (const file of left) rmSync(file, { force: true });
      return journal;
    } catch (error) {
      journal.#suspects.clear();
      journal.close();
      throw error;
    }
  }

  /** How many suspects there are; 0 after an ordinary end. */
  get suspects(): number {
    return this.#suspects.size;
  }

  /** Processes that died on this record alone; undefined when nothing is held against it. */
  crashesOf(record: RecordPlace): number | undefined {
    return this.#suspects.get(recordId(record))?.crashes;
  }

  /** Notes what goes to the model; to be taken back with `leave`. */
  enter(places: readonly RecordPlace[], { alone }: { alone: boolean }): object {
    const entry = {};
    this.#underWay.set(entry, { alone, places });
    this.#note();
    return entry;
  }

  leave(entry: object): void {
    this.#underWay.delete(entry);
    this.#note();
  }

  /** The record was answered, or rejected for good. */
  clear(record: RecordPlace): void {
    if (this.#suspects.delete(recordId(record))) this.#note();
  }

  close(): void {
    closeSync(this.#fd);
    CrashJournal.#open.delete(this.#file);
    if (this.#suspects.size === 0) rmSync(this.#file, { force: true });
  }

  /** Takes over what is held against records in pages of the dead; returns the files, which are of no more use. */
  #collect(folder: string): string[] {
    const read: string[] = [];
    for (const name of readdirSync(folder)) {
      const file = join(folder, name);
      const [, pid, life] = NAME.exec(name) ?? [];
      if (pid === undefined || CrashJournal.#open.has(file) || runs(Number(pid), life)) continue;
      const text = readOwn(file);
      const found = text === undefined ? undefined : decoded(text);
      if (text === undefined || (found?.group ?? this.#options.group) !== this.#options.group) continue;
      if (found) takeOver(found, this.#suspects);
      read.push(file);
    }
    return read;
  }

  /** The stage goes on without a journal that cannot be written. */
  #note(): void {
    try {
      this.#write();
    } catch (error) {
      this.#trouble(error);
    }
  }

  #trouble(error: unknown): void {
    if (!this.#troubled) this.#options.onTrouble?.(error);
    this.#troubled = true;
  }

  /** Throws when not even the suspects can be written. */
  #write(): void {
    const underWay = [...this.#underWay.values()];
    let bytes = this.#encoded(underWay);
    try {
      this.#makeRoom(bytes.length);
    } catch (error) {
      while (bytes.length > this.#length && underWay.pop()) bytes = this.#encoded(underWay);
      if (bytes.length > this.#length) throw error;
      this.#trouble(error);
    }
    const padded = Buffer.alloc(this.#length, ' ');
    bytes.copy(padded);
    writeWhole(this.#fd, padded, 0);
  }

  #makeRoom(length: number): void {
    const wanted = Math.ceil(length / PAD) * PAD;
    if (wanted <= this.#length) return;
    writeWhole(this.#fd, Buffer.alloc(wanted - this.#length, ' '), this.#length);
    this.#length = wanted;
  }

  #encoded(underWay: ReadonlyArray<{ alone: boolean; places: readonly RecordPlace[] }>): Buffer {
    return encoded({
      group: this.#options.group,
      underWay: underWay.map(({ alone, places }) => ({ alone, places: places.map(written) })),
      suspects: [...this.#suspects.values()].map(({ place, crashes, since }) => [written(place), crashes, since]),
    });
  }
}

/**
 * A page is whole or it says nothing: a process can die, and a disk be full, in the middle of one.
 *
 *     page     = length SP checksum LF body *SP
 *     length   = 8 hexadecimal digits: bytes of the body
 *     checksum = 8 hexadecimal digits: CRC-32 of the body
 *     body     = JSON of a JournalPage, UTF-8
 *
 * An older page is the body alone.
 */
function encoded(value: JournalPage): Buffer {
  const body = Buffer.from(JSON.stringify(value));
  return Buffer.concat([Buffer.from(`${hex(body.length)} ${hex(crc32(body))}\n`), body]);
}

const HEAD = /^([0-9a-f]{8}) ([0-9a-f]{8})\n/;

function decoded(text: string): JournalPage | undefined {
  const [head = '', length = '', checksum] = HEAD.exec(text) ?? [];
  const bytes = Buffer.from(text.slice(head.length));
  const body = head === '' ? bytes : bytes.subarray(0, Number.parseInt(length, 16));
  if (head !== '' && (hex(body.length) !== length || hex(crc32(body)) !== checksum)) return undefined;
  return page.safeParse(parsed(body.toString())).data;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/**
 * Returns what tells a process from a later one of the same number: a digest of the machine's start, the space that the
 * number is of (a container's own) and the start of the process. Zeros where the system does not tell.
 */
function lifeOf(pid: number): string {
  try {
    // The name of the program may hold spaces and parentheses; the start is the 20th field behind it.
    const started = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19];
    const machine = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    const parts = [machine, readlinkSync('/proc/self/ns/pid'), started];
    return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 16);
  } catch {
    return UNTOLD;
  }
}

const UNTOLD = '0'.repeat(16);

/**
 * A page without a life (an older one, or where the system tells none) goes by the number alone: another process of
 * that number is another instance, and our own number is of a process before us. A page from another container is over.
 */
function runs(pid: number, life = UNTOLD): boolean {
  if (life !== UNTOLD) return lifeOf(pid) === life && pid !== process.pid;
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function isSafe(folder: KeptFolder): boolean {
  try {
    return whyForeign(folder) === undefined;
  } catch {
    return false; // Nobody has made it.
  }
}

function takeOver({ suspects: known, underWay }: JournalPage, suspects: Map<string, Suspect>): void {
  for (const [at, crashes, since] of known) {
    // Somebody else has long answered it: it would have come by.
    if (Date.now() - since < FORGET_MS) add(suspects, { place: read(at), crashes, since });
  }
  for (const { alone, places } of underWay) {
    for (const at of places) add(suspects, { place: read(at), crashes: alone ? 1 : 0, since: Date.now() });
  }
}

function add(suspects: Map<string, Suspect>, found: Suspect): void {
  const id = recordId(found.place);
  const known = suspects.get(id);
  suspects.set(id, known ? { ...known, crashes: known.crashes + found.crashes } : found);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function written({ topic, partition, offset }: RecordPlace): [string, number, string] {
  return [topic, partition, String(offset)];
}

function read([topic, partition, offset]: [string, number, string]): RecordPlace {
  return { topic, partition, offset: BigInt(offset) };
}
