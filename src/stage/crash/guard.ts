/*
 * Records that may have killed a process. States of a record, while its process and the next ones live:
 *
 * - *unsuspected*: goes to the model in a batch with others. Ends when the process dies with it under way: *suspect* in
 *   the next process.
 * - *suspect*: waits until nothing else is under way. Ends when the model answers it alone: *cleared*. Ends when the
 *   process dies again: *suspect* with one more death, if it was alone. Ends after `crashes` deaths alone: *tried out*.
 *   Ends after twice as many: *rejected*.
 * - *tried out*: a separate process asks the model. Ends when that process dies or gives no answer in time: *rejected*.
 *   Ends otherwise: it is asked alone in this process, as a *suspect*.
 * - *rejected*: gets the reason PROCESS_CRASH; the journal forgets it.
 * - *cleared*: has its answer; the journal forgets it.
 */

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

/** Configures a CrashGuard. */
export interface CrashGuardOptions {
  readonly classifier: Pick<Classifier, 'classify'>;
  readonly journal: CrashJournal;
  /**
   * Number of processes that may die on a record before it is tried in a separate process. After twice as many it is
   * rejected.
   */
  readonly crashes: number;
  /**
   * Asks about the text in a separate process. Returns how that process died, or undefined when it lived or never came
   * to the text.
   */
  readonly tryOut: (text: string, key: Buffer | null) => Promise<string | undefined>;
  /** Called for a record that is rejected as PROCESS_CRASH. */
  readonly onRejected: (record: SourceRecord) => void;
}

interface TextOfRecord {
  readonly record: SourceRecord;
  readonly text: string;
}

/**
 * Keeps the crash journal while the classifier works. Suspects (records that were with the model when an earlier
 * process died) are tried one at a time, with nothing else under way: if the process dies again, the journal names the
 * one record. Innocent suspects cost one slow round after a crash.
 *
 * The next process cannot tell a process that was killed from outside from one that the record killed. So a record that
 * was alone in `crashes` deaths is tried in a separate process, and rejected as PROCESS_CRASH when that process dies as
 * well. A record that lives only there, or that could not be tried, is asked here again, until twice as many processes
 * have died on it.
 */
export class CrashGuard {
  readonly #options: CrashGuardOptions;
  /** Batches under way. A suspect waits for all of them, and they wait for it. */
  readonly #underWay = new Set<Promise<unknown>>();
  #alone: Promise<unknown> = Promise.resolve();
  /** Number of suspects that wait or are being tried. */
  #waiting = 0;

  constructor(options: CrashGuardOptions) {
    this.#options = options;
  }

  /** Classifies the texts of these records, as `Classifier.classify`; answers are in the order of the texts. */
  async classify(records: readonly SourceRecord[], texts: readonly string[]): Promise<ClassifiedBatch> {
    const questions = records.map((record, i): TextOfRecord => ({ record, text: texts[i] ?? '' }));
    if (this.#options.journal.suspects === 0) return this.#together(questions);
    // Looked up once, because a suspect is cleared as soon as it is answered.
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
    return end === undefined ? undefined : crashed(died + 1, `alone in a separate process: ${end}`);
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

/** Merges the answers in the order of the questions, and adds up the timings. */
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

/** Holds a guard with the journal that it closes. */
export interface OpenGuard {
  readonly guard: CrashGuard;
  close(): void;
}

/**
 * Opens the guard with its journal. Returns undefined, and logs a warning, when the folder cannot be written: the stage
 * works without the journal.
 */
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
      log.warn(fields, 'an earlier process died while records were with the model; they are tried one by one');
    }
    const onRejected = ({ topic, partition, offset }: { topic: string; partition: number; offset: bigint }) =>
      log.error({ event: 'process_crash', topic, partition, offset: String(offset) }, 'this record kills the process');
    const { classifier } = built;
    const guard = new CrashGuard({ classifier, journal, crashes, onRejected, tryOut: trials(config, built, log) });
    return { guard, close: () => journal.close() };
  } catch (error) {
    log.warn(
      { event: 'no_crash_journal', folder, error: messageOf(error) },
      'the crash journal cannot be written; after a crash the record that caused it is not known',
    );
    return undefined;
  }
}

/**
 * Returns the journal's folder. Without a configured folder each group has a separate one: the digest separates groups
 * whose names are spelled alike. The version before spelled `a/b` as `a_b`; pages that its processes left are read too.
 */
function foldersOf(crashFolder: string | undefined, group: string): { folder: KeptFolder; before?: KeptFolder } {
  const spelled = group.replaceAll(/[^\w.-]/g, '_');
  const digest = createHash('sha256').update(group).digest('hex').slice(0, 12);
  const folder = keptFolder(crashFolder, `crash-${spelled.slice(0, 64)}-${digest}`);
  if (folder.configured) return { folder };
  return { folder, before: { path: join(tmpdir(), `siftline-${spelled}`), configured: false } };
}

/**
 * Returns a function that tries a text in a separate process. A trial ends before the liveness probe would take the
 * stage for stalled, since nothing else makes progress during one.
 */
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
  untried: 'the child process could not try the record: it is tried here',
} as const;
