/*
 * The crash journal: one file per process, in a folder that outlives it. States of a file:
 *
 * - *kept*: its process writes the page again at every change. Ends when the process closes it without suspects: the
 *   file is removed. Ends when the process dies, or closes it with suspects: *left*.
 * - *left*: its process is gone. The next process of the same user and group that opens the folder reads it, writes a
 *   page of its own, then removes it: its records become suspects in that process's file.
 *
 *     file      = "inference-" pid "-" life "-" random ".page"       a page and spaces, see page.ts
 *     life      = 16 hex digits, see `lifeOf`     tells a process from a later one with the same number
 *     random    = 8 hex digits
 *
 * A file of an older version is "inference-" pid ".json".
 */

import { createHash, randomBytes } from 'node:crypto';
import { closeSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createOwn, type KeptFolder, makeKeptFolder, readOwn, whyForeign, writeWhole } from '../../files.js';
import { type RecordPlace, recordId } from '../../ports.js';
import { decodePage, encodePage, type JournalPage, readPlace, writePlace } from './page.js';

interface Suspect {
  readonly place: RecordPlace;
  readonly crashes: number;
  readonly since: number;
}

export interface JournalOptions {
  readonly folder: KeptFolder;
  /** Folder of the version before; the pages that its processes left are read too. */
  readonly before?: KeptFolder | undefined;
  readonly group: string;
  /** Called once, when a page could not be written whole: some of the records under way are then not in the journal. */
  readonly onTrouble?: (error: unknown) => void;
}

const NAME = /^inference-(\d+)(?:-([0-9a-f]{16})-[0-9a-f]{8}\.page|\.json)$/;
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
 * ends well leaves no file. Pages of other users, of other groups and of live processes stay as they are.
 *
 * A full disk never tears a page: room for a longer page is made behind the page before it is written over. Without room
 * the page keeps all suspects and as many of the records under way as it can hold.
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

  /**
   * Opens the journal of this process, and takes over the files of dead processes. Throws FOLDER_FOREIGN, or the file
   * system's error when the folder or its first page cannot be made.
   */
  static open(options: JournalOptions): CrashJournal {
    const { folder, before } = options;
    makeKeptFolder(folder);
    const journal = new CrashJournal(options);
    try {
      const left = [folder, ...(before && isSafe(before) ? [before] : [])].flatMap(each => journal.#collect(each.path));
      journal.#write();
      // They are removed only now: our own page has their records.
      for (const file of left) rmSync(file, { force: true });
      return journal;
    } catch (error) {
      journal.#suspects.clear();
      journal.close();
      throw error;
    }
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
    this.#note();
    return entry;
  }

  leave(entry: object): void {
    this.#underWay.delete(entry);
    this.#note();
  }

  /** Forgets a suspect that was answered, or rejected for good. */
  clear(record: RecordPlace): void {
    if (this.#suspects.delete(recordId(record))) this.#note();
  }

  /** Closes the file, and removes it unless suspects are left. */
  close(): void {
    closeSync(this.#fd);
    CrashJournal.#open.delete(this.#file);
    if (this.#suspects.size === 0) rmSync(this.#file, { force: true });
  }

  /** Adds the suspects of the files of dead processes. Returns these files, which may be removed. */
  #collect(folder: string): string[] {
    const read: string[] = [];
    for (const name of readdirSync(folder)) {
      const file = join(folder, name);
      const [, pid, life] = NAME.exec(name) ?? [];
      if (pid === undefined || CrashJournal.#open.has(file) || runs(Number(pid), life)) continue;
      const text = readOwn(file);
      const found = text === undefined ? undefined : decodePage(text);
      if (text === undefined || (found?.group ?? this.#options.group) !== this.#options.group) continue;
      if (found) takeOver(found, this.#suspects);
      read.push(file);
    }
    return read;
  }

  /** Writes the page. The stage goes on when it cannot be written. */
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

  /** Writes the page. Throws when not even the suspects can be written. */
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
    return encodePage({
      group: this.#options.group,
      underWay: underWay.map(({ alone, places }) => ({ alone, places: places.map(writePlace) })),
      suspects: [...this.#suspects.values()].map(({ place, crashes, since }) => [writePlace(place), crashes, since]),
    });
  }
}

/**
 * Returns a digest that tells a process from a later one with the same number. It covers the boot of the machine, the
 * namespace of the number (a container has its own) and the start of the process. Zeros where the system tells none.
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
 * Returns true when the process that wrote a page is alive. A page without a life (from an older version, or where the
 * system tells none) goes by the number alone: a live process is another instance, and our own number belonged to an
 * earlier process. A page from another container is over.
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
    return false; // It is not there.
  }
}

/** Adds the suspects of a page that a dead process left. */
function takeOver({ suspects: known, underWay }: JournalPage, suspects: Map<string, Suspect>): void {
  for (const [at, crashes, since] of known) {
    // An older suspect has been answered by another instance meanwhile: otherwise it would have been read here again.
    if (Date.now() - since < FORGET_MS) add(suspects, { place: readPlace(at), crashes, since });
  }
  for (const { alone, places } of underWay) {
    for (const at of places) add(suspects, { place: readPlace(at), crashes: alone ? 1 : 0, since: Date.now() });
  }
}

function add(suspects: Map<string, Suspect>, found: Suspect): void {
  const id = recordId(found.place);
  const known = suspects.get(id);
  suspects.set(id, known ? { ...known, crashes: known.crashes + found.crashes } : found);
}
