import { SiftlineError } from '../../errors.js';
import { packageFile } from '../../package.js';
import { type Need, type PythonOptions, pythonFor, runProgram } from './python.js';

export interface ConvertRequest {
  readonly source: string;
  /** The source's graph; undefined for PyTorch weights, which are exported. */
  readonly onnxFile: string | undefined;
  readonly work: string;
  /** The wanted precision; `none` exports only. */
  readonly precision: 'int8' | 'fp32' | 'none';
  /** The path of a JSON array of texts. */
  readonly textsFile: string;
  /** The number of texts, from the first on, that set the int8 scales. */
  readonly calibration: number;
  readonly maxTokens: number;
}

export interface Converted {
  /** The exported weights; null if the source is ONNX. */
  readonly original: string | null;
  /** The largest |difference| of a logit between torch and the export. */
  readonly exportDelta: number | null;
  readonly model: string | null;
  /** The JSON file with the tokens that the Rust tokenizer makes of the texts. */
  readonly tokens: string;
}

type ConvertReply = Converted | { readonly error: { readonly code: string; readonly message: string } };

/** Runs training/convert.py; its steps go to `say`. If it refuses the source, throws its code. */
export async function convert(request: ConvertRequest, options: PythonOptions): Promise<Converted> {
  const need: Need = request.onnxFile === undefined ? 'torch' : 'onnx';
  const python = await pythonFor(need, options);
  const ended = await runProgram(python, ['-m', 'training.convert', ...argsOf(request)], {
    env: { ...options.env, ...SETTINGS, PYTHONPATH: packageFile('.') },
    signal: options.signal,
    onLine: line => {
      if (line.startsWith('step: ')) options.say(line.slice('step: '.length));
    },
  });
  const reply = replyOf(ended.stdout);
  if (reply && !('error' in reply)) return reply;
  if (reply) throw SiftlineError.model(reply.error.code, reply.error.message);
  throw SiftlineError.model(
    'CONVERT_FAILED',
    `${python} ended with status ${ended.status}: ${ended.stderr.at(-1) ?? 'no message'}; check that there is enough memory and disk`,
  );
}

/** Uses one thread, as everything here does, no network, and writes nothing into the package. */
const SETTINGS = {
  OMP_NUM_THREADS: '1',
  HF_HUB_OFFLINE: '1',
  TOKENIZERS_PARALLELISM: 'false',
  PYTHONDONTWRITEBYTECODE: '1',
  PYTHONSAFEPATH: '1', // a folder "training" where the command is called must not be taken for ours
  ORT_DISABLE_TELEMETRY: '1',
};

function argsOf(request: ConvertRequest): string[] {
  const { source, onnxFile, work, precision, textsFile, calibration, maxTokens } = request;
  const args = ['--source', source, '--work', work, '--precision', precision, '--texts', textsFile];
  args.push('--calibration', String(calibration), '--max-tokens', String(maxTokens));
  return onnxFile === undefined ? args : [...args, '--onnx', onnxFile];
}

function replyOf(stdout: string): ConvertReply | undefined {
  try {
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as ConvertReply;
  } catch {
    return undefined;
  }
}
