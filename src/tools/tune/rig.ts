import type { LoadSubject } from './load.js';
import { isSame, type WorkerSetting } from './setting.js';

/** Runs the threads that settings are tried on. */
export interface Rig {
  /**
   * Starts the threads of a setting, if they do not run. Returns the bytes by which the process grew; undefined if they
   * were running.
   */
  open(setting: WorkerSetting): Promise<number | undefined>;
  /** Returns the threads of a setting that is open. */
  subject(setting: WorkerSetting): LoadSubject;
  /** Returns true if there is memory for the threads of this setting too. */
  hasRoom(setting: WorkerSetting): boolean;
  /** Ends the threads of all other settings. */
  keepOnly(settings: readonly WorkerSetting[]): Promise<void>;
}

interface OpenThreads {
  readonly setting: WorkerSetting;
  readonly classifier: LoadSubject['classifier'] & { close(): Promise<void> };
}

export interface RigParts {
  /** Starts threads; rejects with the message for the user. */
  readonly start: (setting: WorkerSetting) => Promise<OpenThreads['classifier']>;
  readonly subjectOf: (setting: WorkerSetting, classifier: OpenThreads['classifier']) => LoadSubject;
  readonly memory: { used(): number; free(): number };
}

/** Keeps threads by setting. A setting that differs only in `batchMs` uses the same threads. */
export class ThreadRig implements Rig {
  readonly #parts: RigParts;
  #open: OpenThreads[] = [];
  readonly #subjects = new Map<string, LoadSubject>();
  /** The most memory that a thread has taken so far. */
  #bytesPerThread = 0;

  constructor(parts: RigParts) {
    this.#parts = parts;
  }

  async open(setting: WorkerSetting): Promise<number | undefined> {
    if (this.#find(setting)) return undefined;
    const { memory, start } = this.#parts;
    const before = memory.used();
    this.#open.push({ setting, classifier: await start(setting) });
    const grown = Math.max(0, memory.used() - before);
    this.#bytesPerThread = Math.max(this.#bytesPerThread, grown / setting.count);
    return grown;
  }

  subject(setting: WorkerSetting): LoadSubject {
    const key = JSON.stringify(setting);
    const known = this.#subjects.get(key);
    if (known) return known;
    const open = this.#find(setting);
    if (!open) throw new Error('bug in siftline: a setting is measured that is not open');
    const subject = this.#parts.subjectOf(setting, open.classifier);
    this.#subjects.set(key, subject);
    return subject;
  }

  hasRoom(setting: WorkerSetting): boolean {
    return this.#find(setting) !== undefined || this.#bytesPerThread * setting.count < this.#parts.memory.free() / 2;
  }

  async keepOnly(settings: readonly WorkerSetting[]): Promise<void> {
    const isKept = (open: OpenThreads) => settings.some(setting => isSame(threadsOf(open.setting), threadsOf(setting)));
    const gone = this.#open.filter(open => !isKept(open));
    this.#open = this.#open.filter(isKept);
    this.#subjects.clear();
    for (const { classifier } of gone) await classifier.close();
  }

  #find(setting: WorkerSetting): OpenThreads | undefined {
    return this.#open.find(open => isSame(threadsOf(open.setting), threadsOf(setting)));
  }
}

function threadsOf(setting: WorkerSetting): WorkerSetting {
  return { ...setting, batchMs: 0 };
}
