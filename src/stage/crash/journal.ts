/*
 * The crash journal: one file per process, in a folder that outlives it. States of a file:
 *
 * - *kept*: its process writes the page again at every change. Ends when the process closes it without suspects: the
 *   file is removed. Ends when the process dies, or closes it with suspects: *left*.
 * - *left*: no process has this number any more. The next process that opens the folder reads it, then removes it: its
 *   records become suspects in that process's file.
 *
 *     file      = "inference-" pid ".json"
 *     content   = page spaces                    the length is a multiple of 1,024 that only grows
 *     page      = { "underWay": [entry...], "suspects": [suspect...] }                JSON
 *     entry     = { "alone": boolean, "places": [place...] }     alone: nothing else was with the model
 *     suspect   = [place, crashes, since]        deaths with this record alone; milliseconds since the epoch
 *     place     = [topic, partition, "offset"]   the offset is a string, since it may exceed 2^53
 */

import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type RecordPlace, recordId } from '../../ports.js';

const place = z.tuple([z.string(), z.number(), z.string()]);
const page = z.object({
  /** Records that are with the model now. `alone` is true when nothing else is. */
  underWay: z.array(z.object({ alone: z.boolean(), places: z.array(place) })),
  /**
   * Records to be tried alone, each with the number of processes that have died on it alone, and the time since when it
   * is suspect.
   */
  suspects: z.array(z.tuple([place, z.number(), z.number()])),
});
type JournalPage = z.output<typeof page>;

interface Suspect {
  readonly place: RecordPlace;
  readonly crashes: number;
  readonly since: number;
}

const NAME = /^inference-(\d+)\.json$/;
/**
 * Unit of the page's length. A page is written over the page before it; spaces fill it up to a length that only grows.
 */
const PAD = 1024;
/** Age at which a suspect is forgotten. */
const FORGET_MS = 24 * 3_600_000;

/**
 * Notes which records are with the model right now, in a file that outlives the process: a native abort takes the whole
 * process with it and leaves no time to name the record. Each change costs one write to a file that stays open. The
 * write reaches the page cache, which survives any death of the process, but not of the machine.
 *
 * At the start, the files of dead processes are read, and the records under way in them become suspects. A process that
 * ends well leaves no file.
 */
export class CrashJournal {
  readonly #file: string;
  readonly #fd: number;
  readonly #underWay = new Map<object, { alone: boolean; places: readonly RecordPlace[] }>();
  readonly #suspects: Map<string, Suspect>;
  #length = 0;

  private constructor(file: string, suspects: Map<string, Suspect>) {
    this.#file = file;
    this.#fd = openSync(file, 'w', 0o600);
    this.#suspects = suspects;
    this.#write();
  }

  /**
   * Opens the journal of this process, and takes over the files of dead processes. Throws the file system's error when
   * the folder cannot be made or written.
   */
  static open(folder: string): CrashJournal {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const suspects = new Map<string, Suspect>();
    const left = readdirSync(folder).filter(name => NAME.test(name) && isOver(Number(NAME.exec(name)?.[1])));
    for (const name of left) collect(join(folder, name), suspects);
    const journal = new CrashJournal(join(folder, `inference-${process.pid}.json`), suspects);
    for (const name of left) if (join(folder, name) !== journal.#file) rmSync(join(folder, name), { force: true });
    return journal;
  }

  /** Number of suspects; 0 after an ordinary end. */
  get suspects(): number {
    return this.#suspects.size;
  }

  /** Returns the number of processes that died on this record alone, or undefined when it is not suspect. */
  crashesOf(record: RecordPlace): number | undefined {
    return this.#suspects.get(recordId(record))?.crashes;
  }

  /** Notes records that go to the model. `leave` takes the returned entry back. */
  enter(places: readonly RecordPlace[], { alone }: { alone: boolean }): object {
    const entry = {};
    this.#underWay.set(entry, { alone, places });
    this.#write();
    return entry;
  }

  leave(entry: object): void {
    this.#underWay.delete(entry);
    this.#write();
  }

  /** Forgets a suspect that was answered, or rejected for good. */
  clear(record: RecordPlace): void {
    if (this.#suspects.delete(recordId(record))) this.#write();
  }

  /** Closes the file, and removes it unless suspects are left. */
  close(): void {
    closeSync(this.#fd);
    if (this.#suspects.size === 0) rmSync(this.#file, { force: true });
  }

  #write(): void {
    const text = JSON.stringify({
      underWay: [...this.#underWay.values()].map(({ alone, places }) => ({ alone, places: places.map(written) })),
      suspects: [...this.#suspects.values()].map(({ place, crashes, since }) => [written(place), crashes, since]),
    } satisfies JournalPage);
    this.#length = Math.max(this.#length, Math.ceil(text.length / PAD) * PAD);
    writeSync(this.#fd, text.padEnd(this.#length), 0);
  }
}

/**
 * Returns true when the process with this number is dead. A live process is another instance; our own number belonged
 * to an earlier process.
 */
function isOver(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Adds the suspects of a dead process's file. A page that was torn by the death of its process is ignored. */
function collect(file: string, suspects: Map<string, Suspect>): void {
  const found = page.safeParse(parsed(file));
  if (!found.success) return;
  const { suspects: known, underWay } = found.data;
  for (const [at, crashes, since] of known) {
    // An older suspect has been answered by another instance meanwhile: otherwise it would have been read here again.
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

function parsed(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
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
