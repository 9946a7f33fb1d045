import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import { messageOf } from '../../errors.js';
import { holdTrial } from '../../workers/trial.js';
import { CrashGuard, type CrashGuardOptions } from '../crash/guard.js';
import { CrashJournal } from '../crash/journal.js';
import type { BuiltClassifier } from './classifier.js';

export interface OpenGuard {
  readonly guard: CrashGuard;
  close(): void;
}

/** The guard with its journal; undefined, with a warning, where the folder cannot be written: the stage works without. */
export function openCrashGuard(config: Config, built: BuiltClassifier, log: Logger): OpenGuard | undefined {
  const { crashFolder, crashes } = config.workers;
  const folder = crashFolder ?? join(tmpdir(), `siftline-${config.input.group.replaceAll(/[^\w.-]/g, '_')}`);
  try {
    const journal = CrashJournal.open(folder);
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

/** Trials that are over before the liveness probe would take the stage for stalled: nothing else moves during one. */
function trials({ workers, health }: Config, { setup }: BuiltClassifier, log: Logger): CrashGuardOptions['tryOut'] {
  const stallMs = health.stallSeconds * 1000;
  const limits = { loadMs: Math.min(workers.startTimeoutSeconds * 1000, stallMs / 2), answerMs: stallMs / 4 };
  return async (text, key) => {
    log.warn(
      { event: 'crash_trial' },
      'a record was with the model alone when processes died; a child process tries it',
    );
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
