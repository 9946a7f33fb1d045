import { cpus, release } from 'node:os';
import { arithmeticFor, type GraphFile } from '../src/model/arithmetic.js';

/**
 * Returns the machine of a report, with its arithmetic: figures of CPUs that compute int8 products in different ways
 * cannot be compared.
 */
export async function machineLine(file: Pick<GraphFile, 'saturates'> = {}): Promise<string> {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  const cpu = `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores`;
  return `${cpu}, int8 arithmetic ${await arithmeticFor(file)}, Linux ${release()}, Node ${process.version}`;
}
