import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type RecordPlace, recordId } from '../../ports.js';

const place = z.tuple([z.string(), z.number(), z.string()]);
const page = z.object({
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

const NAME = /^inference-(\d+)\.json$/;
/** A page is written over the one before; spaces fill it up to a length that only grows. */
const PAD = 1024;
const FORGET_MS = 24 * 3_600_000;

/**
 * Notes which records are with the model right now, in a file that outlives the process: a native abort takes the whole
 * process with it and leaves no time to say on what. One write a batch, to a file that stays open; it reaches the page
 * cache, which survives any death of the process, though not of the machine.
 *
 * At the start, files of processes that are gone are read: what was under way in them is suspect. A process that ends
 * well leaves none.
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

  /** Throws what the file system says when the folder cannot be made or written. */
  static open(folder: string): CrashJournal {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const suspects = new Map<string, Suspect>();
    const left = readdirSync(folder).filter(name => NAME.test(name) && isOver(Number(NAME.exec(name)?.[1])));
    for (const name of left) collect(join(folder, name), suspects);
    const journal = new CrashJournal(join(folder, `inference-${process.pid}.json`), suspects);
    for (const name of left) if (join(folder, name) !== journal.#file) rmSync(join(folder, name), { force: true });
    return journal;
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
    this.#write();
    return entry;
  }

  leave(entry: object): void {
    this.#underWay.delete(entry);
    this.#write();
  }

  /** The record was answered, or rejected for good. */
  clear(record: RecordPlace): void {
    if (this.#suspects.delete(recordId(record))) this.#write();
  }

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

/** A process of this number that runs is another instance; our own number is of a process before us. */
function isOver(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** A page that was torn by the death of its process says nothing. */
function collect(file: string, suspects: Map<string, Suspect>): void {
  const found = page.safeParse(parsed(file));
  if (!found.success) return;
  const { suspects: known, underWay } = found.data;
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
