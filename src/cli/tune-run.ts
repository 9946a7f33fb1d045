import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { LoadedConfig } from '../config/load.js';
import { FILE_VARIABLE } from '../config/overrides.js';
import { type Placed, withValues } from '../config/yaml-edit.js';
import { demoTexts } from '../demo/records.js';
import { messageOf, SiftlineError } from '../errors.js';
import { replaceFile, requireWritable } from '../files.js';
import { quietLog } from '../observe/log.js';
import { createPaint } from '../observe/paint.js';
import { printableData, printableJson } from '../observe/printable.js';
import type { FileFormat } from '../stage/choices.js';
import { inputsFrom } from '../stage/offline.js';
import { isReached, shortestP99, type TuneReport, tuneJson } from '../tools/tune/report.js';
import { KNOBS } from '../tools/tune/setting.js';
import { tuneText } from '../tools/tune/text-report.js';
import { tuneTexts } from '../tools/tune/texts.js';
import { type Tuned, tune, type Wish } from '../tools/tune/tune.js';
import type { CliContext } from './context.js';
import { type ConfigFlags, configFrom } from './options.js';

export interface TuneFlags extends ConfigFlags, Omit<Wish, 'byName'> {
  readonly inputFormat?: FileFormat;
  readonly byLabel?: boolean;
  readonly seconds: number;
  readonly output?: string;
  readonly json?: boolean;
}

/** Runs `tune` with its flags: measures, writes the better settings where a flag asks for it, and reports. */
export async function tuneFiles(files: readonly string[], given: TuneFlags, context: CliContext): Promise<void> {
  const { stdout, stderr, env, stdin } = context;
  const config = given.config ?? env[FILE_VARIABLE];
  const flags = { ...given, ...(config && { config }) };
  if (flags.rate !== undefined && flags.latencyMs === undefined)
    throw SiftlineError.usage(
      'TUNE_RATE',
      '--rate: is the rate at which --latency-ms must hold; give --latency-ms too, or leave --rate out',
    );
  const loaded = await configFrom(flags, env);
  await requireTarget(flags);
  const inputs = await inputsFrom(files, flags.inputFormat, stdin);
  const texts = await tuneTexts(inputs, loaded.config, () => demoTexts('texts.jsonl'));
  const { latencyMs, rate, load, agreement, seconds } = flags;
  const tuned = await tune({
    config: loaded.config,
    texts: texts.texts,
    wish: { latencyMs, rate, load, agreement, byName: flags.byLabel === true },
    seconds,
    log: quietLog(loaded),
    say: line => void (stderr.isTTY === true && stderr.write(`siftline: ${line}\n`)),
  });
  const values = valuesOf(tuned, loaded);
  const target = values.length > 0 && isReached(tuned) ? flags.output : undefined;
  if (target !== undefined) await replaceFile(target, [textWith(values, flags)]);
  const report: TuneReport = {
    ...tuned,
    model: loaded.config.model.path,
    machine: machine(tuned.quota),
    texts: { count: texts.texts.length, from: texts.from, unusable: texts.unusable },
    values,
    written: target,
  };
  stdout.write(
    flags.json
      ? `${printableJson(tuneJson(report))}\n`
      : tuneText(printableData(report), createPaint(stdout.isTTY === true)),
  );
  requireReached(tuned, flags);
}

/** Refuses a target that cannot be edited, before anything is measured. */
async function requireTarget(flags: TuneFlags): Promise<void> {
  await requireWritable(flags.output, '--output');
  const paths = [...KNOBS.map(knob => ['workers', knob]), ['model', 'cascade', 'confidenceFor', 'x']];
  if (flags.output !== undefined)
    textWith(
      paths.map(path => [path, 0] as const),
      flags,
    );
}

/** Returns the text of the existing file, or of the configuration that was tuned, with these values set. */
function textWith(values: readonly Placed[], { output = '', config }: TuneFlags): string {
  const base = existsSync(output) ? output : config;
  return withValues(base ?? output, base === undefined ? '' : textOf(base), values);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw SiftlineError.usage(
      'INPUT_UNREADABLE',
      `${file} cannot be read: ${messageOf(cause)}; check its path and permissions`,
      cause,
    );
  }
}

/** Returns only the values that change. A setting that nothing beat is left to the configuration, or to its default. */
function valuesOf({ found: { given, best }, cascade }: Tuned, { config }: LoadedConfig): Placed[] {
  const { path, minConfidence, confidenceFor = {} } = config.model.cascade;
  const { chosen } = cascade ?? {};
  const confidences = Object.entries(chosen?.confidenceFor ?? {}).filter(
    ([name, least]) => confidenceFor[name] !== least,
  );
  const placed: Placed[] = [
    ...(chosen && chosen.minConfidence !== minConfidence
      ? [[['model', 'cascade', 'minConfidence'], chosen.minConfidence] as const]
      : []),
    ...confidences.map(([name, least]) => [['model', 'cascade', 'confidenceFor', name], least] as const),
    ...KNOBS.filter(knob => given[knob] !== best[knob]).map(knob => [['workers', knob], best[knob]] as const),
  ];
  // A new file also names the student: without it, the confidences would apply to nothing.
  return confidences.length > 0 && path !== undefined ? [[['model', 'cascade', 'path'], path], ...placed] : placed;
}

function machine(quota: number): string {
  const threads = quota === 1 ? '1 thread' : `${quota} threads`;
  return `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, quota for ${threads}, Node ${process.version}`;
}

function requireReached(tuned: Tuned, { latencyMs, agreement }: TuneFlags): void {
  if (isReached(tuned)) return;
  if (tuned.cascade && !tuned.cascade.chosen) {
    throw unreached(
      'TUNE_AGREEMENT',
      `--agreement ${agreement}: no confidence of the student reaches it on these texts, only the full model alone does; ask for less, set model.cascade.confidenceFor to 0 for decisions that you do not act on, or leave out the cascade`,
    );
  }
  const shortest = shortestP99(tuned);
  const best =
    shortest === undefined ? 'there was no time to measure it' : `the shortest p99 was ${shortest.toFixed(1)} ms`;
  throw unreached(
    'TUNE_LATENCY',
    `--latency-ms ${latencyMs}: not reached, ${best}; allow more, lower --rate or --load, use a smaller model, or give more --seconds`,
  );
}

function unreached(code: string, message: string): SiftlineError {
  return SiftlineError.check(code, message);
}
