import { SiftlineError } from '../errors.js';
import type { ModelInfo, Task } from '../ports.js';
import type { Aggregate } from './aggregate.js';

/** The fields of the configuration that say what happens to texts longer than `maxTokens`. */
export interface LongTextOptions {
  readonly longTexts: 'truncate' | 'windows';
  readonly windowStrideTokens: number;
  readonly maxWindows: number;
  /** By task. */
  readonly aggregate?: Readonly<Record<string, Aggregate>> | undefined;
}

/** How long texts are read in windows; plain data, so it can cross a thread. */
export interface LongTexts {
  readonly stride: number;
  readonly maxWindows: number;
  /** One per task of the model, in their order. */
  readonly aggregates: readonly Aggregate[];
}

/**
 * The options for a model, or undefined when long texts are cut off. Without an entry a task's labels are taken at their
 * highest where each stands by itself (sigmoid), and the mean where exactly one holds (softmax). Throws AGGREGATE_UNKNOWN
 * for a task the model does not have, AGGREGATE_UNFIT for one its activation rules out, and WINDOW_STRIDE when the model
 * takes so few tokens that its windows would hardly go forward.
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
    `model.aggregate.${name}: noisy-or is for tasks whose labels hold or not each by itself, and of ${name} exactly one holds; give max or mean`,
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

/** The rule between model.windowStrideTokens and model.maxTokens, once more for a model that takes fewer tokens than allowed. */
function requireRoom(stride: number, maxTokens: number): void {
  if (stride * 2 <= maxTokens) return;
  throw SiftlineError.config(
    'WINDOW_STRIDE',
    `model.windowStrideTokens: ${stride} is more than half of the ${maxTokens} tokens this model takes; give at most ${Math.floor(maxTokens / 2)}`,
  );
}
