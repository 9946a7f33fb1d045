import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import { messageOf } from '../../errors.js';
import { failPoint } from '../../failpoints.js';
import { type KeptFolder, keptFolder } from '../../files.js';
import type { BatchTimings, ClassifiedBatch, Classifier, Rejection, Scored, SourceRecord } from '../../ports.js';
import type { BuiltClassifier } from '../parts/classifier.js';
import { CrashJournal } from './journal.js';

export interface CrashGuardOptions {
  readonly classifier: Pick<Classifier, 'classify'>;
  readonly journal: CrashJournal;
  /** Processes that may die on a record before it is tried in one of its own; after twice as many it is rejected. */
  readonly crashes: number;
  /** Asks the text in a process of its own; says what became of that process, or undefined when it lived. */
  readonly tryOut: (text: string, key: Buffer | null) => Promise<string | undefined>;
  /** Told of a record that is rejected for it. */
  readonly onRejected: (record: SourceRecord) => void;
}

interface TextOfRecord {
  readonly record: SourceRecord;
  readonly text: string;
}

/**
 * Keeps the crash journal while the classifier works, and tries suspects (records that were with the model when an
 * earlier process died) one at a time with nothing else under way: if the process dies again, the journal names the one.
 * Innocent suspects cost one slow round after a crash.
 *
 * A process that is killed from outside looks, to the next one, like one the record has killed. So a record that was
 * alone in enough deaths is tried out in a process of its own, and rejected as PROCESS_CRASH when that dies as well.
 * One that lives only there, or could not be tried, is asked here again, until twice as many processes have died on it.
 */
export class CrashGuard {
  readonly #options: CrashGuardOptions;
  /** Batches under way; a suspect waits for all of them, and they for it. */
  readonly #underWay = new Set<Promise<unknown>>();
  #alone: Promise<unknown> = Promise.resolve();
  /** Suspects that wait or are tried. */
  #waiting = 0;

  constructor(options: CrashGuardOptions) {
    this.#options = options;
  }

  async classify(records: readonly SourceRecord[], texts: readonly string[]): Promise<ClassifiedBatch> {
    const questions = records.map((record, i): TextOfRecord => ({ record, text: texts[i] ?? '' }));
    if (this.#options.journal.suspects === 0) return this.#together(questions);
    // Looked up once: a suspect that was answered is one no more.
    const suspect = questions.map(({ record }) => this.#options.journal.crashesOf(record) !== undefined);
    if (!suspect.includes(true)) return this.#together(questions);
    const others = await this.#together(questions.filter((_, i) => !suspect[i]));
    const alone: ClassifiedBatch[] = [];
    for (const question of questions.filter((_, i) => suspect[i])) alone.push(await this.#tryAlone(question));
    return merged(suspect, others, alone);
  }

  async #together(questions: readonly TextOfRecord[]): Promise<ClassifiedBatch> {
    if (questions.length === 0) return { answers: [], timings: NOTHING };
    while (this.#waiting > 0) await this.#alone;
    const work = this.#ask(questions, false);
    const settled = work.then(
      () => {},
      () => {},
    );
    this.#underWay.add(settled);
    void settled.then(() => this.#underWay.delete(settled));
    return work;
  }

  #tryAlone(suspect: TextOfRecord): Promise<ClassifiedBatch> {
    this.#waiting += 1;
    const work = this.#alone
      .then(() => Promise.all(this.#underWay))
      .then(() => this.#judge(suspect))
      .finally(() => {
        this.#waiting -= 1;
      });
    this.#alone = work.catch(() => {});
    return work;
  }

  async #judge(suspect: TextOfRecord): Promise<ClassifiedBatch> {
    const { journal, crashes, onRejected } = this.#options;
    const died = journal.crashesOf(suspect.record) ?? 0;
    const verdict = died < crashes ? undefined : await this.#verdict(suspect, died);
    if (verdict) onRejected(suspect.record);
    const answer = verdict ? { answers: [verdict], timings: NOTHING } : await this.#ask([suspect], true);
    journal.clear(suspect.record);
    return answer;
  }

  async #verdict({ record, text }: TextOfRecord, died: number): Promise<Rejection | undefined> {
    const { crashes, tryOut } = this.#options;
    if (died >= crashes * 2) return crashed(died, 'the process died each time this record was with the model alone');
    const end = await tryOut(text, record.key);
    return end === undefined ? undefined : crashed(died + 1, `alone in a process of its own: ${end}`);
  }

  async #ask(questions: readonly TextOfRecord[], alone: boolean): Promise<ClassifiedBatch> {
    const { journal, classifier } = this.#options;
    const entry = journal.enter(
      questions.map(({ record }) => record),
      { alone },
    );
    for (const { record } of questions) failPoint('inferring', record.key);
    try {
      return await classifier.classify(questions.map(({ text }) => text));
    } finally {
      journal.leave(entry);
    }
  }
}

const NOTHING: BatchTimings = { queueMs: 0, tokeniseMs: 0, inferMs: 0, tokens: 0, paddedTokens: 0 };

function crashed(attempts: number, detail: string): Rejection {
  return { kind: 'rejected', reason: 'PROCESS_CRASH', stage: 'infer', attempts, detail };
}

/** The answers in the order of the questions. */
function merged(
  suspects: readonly boolean[],
  others: ClassifiedBatch,
  alone: readonly ClassifiedBatch[],
): ClassifiedBatch {
  const [calm, tried] = [[...others.answers], alone.flatMap(({ answers }) => answers)];
  const answers = suspects.map(suspect => (suspect ? tried : calm).shift() as Scored | Rejection);
  return { answers, timings: [others, ...alone].map(({ timings }) => timings).reduce(sum) };
}

function sum(a: BatchTimings, b: BatchTimings): BatchTimings {
  return {
    queueMs: a.queueMs + b.queueMs,
    tokeniseMs: a.tokeniseMs + b.tokeniseMs,
    inferMs: a.inferMs + b.inferMs,
    tokens: a.tokens + b.tokens,
    paddedTokens: a.paddedTokens + b.paddedTokens,
  };
}

export interface OpenGuard {
  readonly guard: CrashGuard;
  close(): void;
}

/** The guard with its journal; undefined, with a warning, where the folder cannot be written: the stage works without. */
export function openCrashGuard(config: Config, built: BuiltClassifier, log: Logger): OpenGuard | undefined {
  const { workers, input } = config;
  const { crashes } = workers;
  const places = foldersOf(workers.crashFolder, input.group);
  const folder = places.folder.path;
  const onTrouble = (error: unknown) =>
    log.warn(
      { event: 'crash_journal_incomplete', folder, error: messageOf(error) },
      'the journal cannot be written whole: a crash will not be explained, or only in part',
    );
  try {
    const journal = CrashJournal.open({ ...places, group: input.group, onTrouble });
    if (journal.suspects > 0) {
      const fields = { event: 'crash_suspects', records: journal.suspects, folder };
      log.warn(fields, 'a process before this one died while records were with the model; they are tried one by one');
    }
    const onRejected = ({ topic, partition, offset }: { topic: string; partition: number; offset: bigint }) =>
      log.error({ event: 'process_crash', topic, partition, offset: String(offset) }, 'this record kills the process');
    const { classifier } = built;
    const guard = new CrashGuard({ classifier, journal, crashes, onRejected, tryOut: trials(config, built, log) });
    return { guard, close: () => journal.close() };
  } catch (error) {
    log.warn({ event: 'no_crash_journal', folder, error: messageOf(error) }, 'a crash will not be explained');
    return undefined;
  }
}

/**
 * Without a folder of the configuration each group has one of its own: the digest tells apart what would be spelt alike.
 * The version before spelt `a/b` as `a_b`; what its processes have left there is read as well.
 */
function foldersOf(crashFolder: string | undefined, group: string): { folder: KeptFolder; before?: KeptFolder } {
  const spelt = group.replaceAll(/[^\w.-]/g, '_');
  const digest = createHash('sha256').update(group).digest('hex').slice(0, 12);
  const folder = keptFolder(crashFolder, `crash-${spelt.slice(0, 64)}-${digest}`);
  if (folder.configured) return { folder };
  return { folder, before: { path: join(tmpdir(), `siftline-${spelt}`), configured: false } };
}

/** Trials that are over before the liveness probe would take the stage for stalled: nothing else moves during one. */
function trials({ workers, health }: Config, { setup }: BuiltClassifier, log: Logger): CrashGuardOptions['tryOut'] {
  const stallMs = health.stallSeconds * 1000;
  const limits = { loadMs: Math.min(workers.startTimeoutSeconds * 1000, stallMs / 2), answerMs: stallMs / 4 };
  return async (text, key) => {
    log.warn(
      { event: 'crash_trial' },
      'a record was with the model alone when processes died; a child process tries it',
    );
    const { holdTrial } = await import('../../workers/trial.js');
    const { kind, detail } = await holdTrial({ text, key }, { setup, ...limits });
    log.warn({ event: 'crash_trial_over', result: kind, detail }, RESULTS[kind]);
    return kind === 'died' || kind === 'silent' ? `${VERDICTS[kind]} (${detail})` : undefined;
  };
}

const VERDICTS = { died: 'that process died too', silent: 'that process gave no answer in time' } as const;

const RESULTS = {
  lived: 'the record is innocent: it is answered here',
  died: 'the record is rejected',
  silent: 'the record is rejected',
  untried: 'the child process did not come to the record: it is tried here',
} as const;
