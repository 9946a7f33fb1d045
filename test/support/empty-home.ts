import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Home folder of somebody who has never run siftline: it is not there, and so is nothing that was ever cached in it. */
export const EMPTY_HOME = join(tmpdir(), `siftline-nobody-${process.pid}`);
