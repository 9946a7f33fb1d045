import { existsSync } from 'node:fs';
import { SiftlineError } from '../errors.js';
import { packageFile } from '../package.js';
import { CHINESE, ENGLISH } from './streams.js';

/** A stream that could not start, and why: `message` names the way out. */
export interface StartFailure {
  readonly name: string;
  readonly error: SiftlineError;
}

/**
 * The failure of a stream's siftline to start, with a way out that there is: a model that ships cannot be exchanged for
 * another file or exported again, as is said of one's own. Other failures are left as they are.
 */
export function startFailure(model: string, error: SiftlineError): SiftlineError {
  const { code, exitCode } = error;
  if (!code.startsWith('MODEL_') || !isShipped(model)) return error;
  const message =
    `the model "${model}", which ships with siftline, ${reasonOf(code)}; \`siftline models verify ${model}\` says more, ` +
    `\`git checkout models/${model}\` in a clone or a new install of siftline brings its files back`;
  return new SiftlineError({ code, message, exitCode, cause: error });
}

/** What is said of a stream that is not shown, while the others go on. */
export function cannotStart({ name, error }: StartFailure, others: readonly string[] = []): string {
  const goesOn = others.length === 0 ? '' : `; ${others.join(', ')} goes on, and alone with --stream ${others[0]}`;
  return `${name} cannot start: ${error.code}: ${error.message}${goesOn}`;
}

function reasonOf(code: string): string {
  if (code === 'MODEL_MISSING') return 'is not in the folder models';
  if (code === 'MODEL_GOLDEN') return 'gives other scores here than it was shipped with';
  return 'has a file that is damaged, changed or missing';
}

/** The name of a model in the package; a folder of that name where the demo was started would be taken instead. */
function isShipped(model: string): boolean {
  const ships = [ENGLISH.model, CHINESE.model].includes(model) || existsSync(packageFile(`models/${model}`));
  return /^[\w-]+$/.test(model) && ships && !existsSync(model);
}
