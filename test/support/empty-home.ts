import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The home folder of a user who has never run siftline: it does not exist, so nothing was ever cached in it. */
export const EMPTY_HOME = join(tmpdir(), `siftline-nobody-${process.pid}`);
