import { SiftlineError } from '../errors.js';
import type { ModelInfo, Task } from '../ports.js';
import type { Aggregate } from './aggregate.js';

/** Holds the fields of the configuration about texts longer than `maxTokens`. */
export interface LongTextOptions {
  readonly longTexts: 'truncate' | 'windows';
  readonly windowStrideTokens: number;
  readonly maxWindows: number;
  /** Aggregates by the name of their task. */
  readonly aggregate?: Readonly<Record<string, Aggregate>> | undefined;
}

/** Says how long texts are read in windows. It is plain data, so it can cross a thread. */
export interface LongTexts {
  readonly stride: number;
  readonly maxWindows: number;
  /** One aggregate per task of the model, in the order of the tasks. */
  readonly aggregates: readonly Aggregate[];
}

/**
 * Returns the options for a model, or undefined when long texts are cut off. A task without an entry gets `max` when it
 * is multi-label (sigmoid), and `mean` when it is single-label (softmax).
 *
 * Throws
 *
 * - AGGREGATE_UNKNOWN for a task that the model does not have;
 * - AGGREGATE_UNFIT for an aggregate that the task's activation rules out;
 * - WINDOW_STRIDE when the model takes so few tokens that its windows would hardly go forward.
 */
export function longTextsOf(options: LongTextOptions, model: ModelInfo): LongTexts | undefined {
  const { longTexts, windowStrideTokens: stride, maxWindows, aggregate = {} } = options;
  if (longTexts === 'truncate') return undefined;
  requireKnown(Object.keys(aggregate), model.tasks);
  requireRoom(stride, model.maxTokens);
  return { stride, maxWindows, aggregates: model.tasks.map(task => aggregateOf(task, aggregate[task.name])) };
}

function aggregateOf({ name, activation }: Task, wanted: Aggregate | undefined): Aggregate {
  if (wanted === undefined) return activation === 'sigmoid' ? 'max' : 'mean';
  if (wanted !== 'noisy-or' || activation === 'sigmoid') return wanted;
  throw SiftlineError.config(
    'AGGREGATE_UNFIT',
    `model.aggregate.${name}: noisy-or is for multi-label tasks, and ${name} is single-label; give max or mean`,
  );
}

function requireKnown(names: readonly string[], tasks: readonly Task[]): void {
  const known = tasks.map(({ name }) => name);
  const strange = names.find(name => !known.includes(name));
  if (strange === undefined) return;
  throw SiftlineError.config(
    'AGGREGATE_UNKNOWN',
    `model.aggregate: the model has no task "${strange}"; it has ${known.join(', ')}`,
  );
}

/**
 * Checks model.windowStrideTokens against the tokens that this model takes: they may be fewer than model.maxTokens,
 * which the configuration was checked against.
 */
function requireRoom(stride: number, maxTokens: number): void {
  if (stride * 2 <= maxTokens) return;
  throw SiftlineError.config(
    'WINDOW_STRIDE',
    `model.windowStrideTokens: ${stride} is more than half of the ${maxTokens} tokens this model takes; give at most ${Math.floor(maxTokens / 2)}`,
  );
}
