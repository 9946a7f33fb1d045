import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { CrashGuard } from '../crash-guard.js';
import { CrashJournal } from '../crash-journal.js';
import { messageOf } from '../errors.js';
import type { Classifier } from '../types.js';

export interface OpenGuard {
  readonly guard: CrashGuard;
  close(): void;
}

/** The guard with its journal; undefined, with a warning, where the folder cannot be written: the stage works without. */
export function openCrashGuard(config: Config, classifier: Classifier, log: Logger): OpenGuard | undefined {
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
    return { guard: new CrashGuard({ classifier, journal, crashes, onRejected }), close: () => journal.close() };
  } catch (error) {
    log.warn({ event: 'no_crash_journal', folder, error: messageOf(error) }, 'a crash will not be explained');
    return undefined;
  }
}
