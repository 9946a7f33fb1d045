import type { Config } from '../config/schema.js';
import { SiftlineError } from '../errors.js';
import type { Decision, LabelScores, Scored, Task, TaskResult } from '../ports.js';
import { DEFAULT_THRESHOLD, type DecisionBand, decisionFor, labelsGiven, severer, topOf } from './decision-rule.js';

type PolicyConfig = Config['policy'];

/** Holds the labels and the decision of one text; `decision` is null when the policy has no bands. */
export interface Judgement {
  readonly results: readonly TaskResult[];
  readonly decision: Decision | null;
}

/** Turns scores into labels and a decision. It is pure: the same scores always give the same judgement. */
export interface Policy {
  readonly version: string;
  judge(scored: Scored): Judgement;
}

interface JudgedTask extends Task {
  readonly bands: ReadonlyArray<DecisionBand | undefined>;
}

/**
 * Returns the policy for a model's tasks. Thresholds are the model's unless the configuration sets others; bands are
 * the scores from which a text is reviewed or blocked. Answers of a cascade's student are judged by the student's
 * thresholds. Throws POLICY_UNKNOWN when the configuration names a task or label that the model does not have: such a
 * rule would never apply.
 */
export function createPolicy(config: PolicyConfig, tasks: readonly Task[], student: readonly Task[] = tasks): Policy {
  requireKnown('policy.thresholds', config.thresholds, tasks);
  requireKnown('policy.bands', config.bands, tasks);
  const judges = { full: judgeFor(config, tasks), student: judgeFor(config, student) };
  return {
    version: config.version,
    judge: scored => judges[scored.answeredBy ?? 'full'](scored),
  };
}

function judgeFor(config: PolicyConfig, tasks: readonly Task[]): Policy['judge'] {
  const judged = effectiveTasks(config, tasks).map(
    (task): JudgedTask => ({
      ...task,
      bands: task.labels.map(label => config.bands?.[task.name]?.[label]),
    }),
  );
  return ({ scores, windows }) => ({
    results: judged.map((task, i) => {
      const result = resultOf(task, scores[i] ?? []);
      const window = windows?.deciding[i];
      return window ? { ...result, window } : result;
    }),
    decision: config.bands ? decisionOf(judged, scores) : null,
  });
}

function decisionOf(tasks: readonly JudgedTask[], scores: Scored['scores']): Decision {
  return tasks.reduce<Decision>((worst, { bands }, t) => severer(worst, decisionFor(bands, scores[t] ?? [])), 'allow');
}

/** Returns the tasks with their effective thresholds: the configuration's, else the model's. */
export function effectiveTasks({ thresholds }: Pick<PolicyConfig, 'thresholds'>, tasks: readonly Task[]): Task[] {
  return tasks.map(task => ({
    ...task,
    thresholds: task.labels.map(
      (label, i) => thresholds?.[task.name]?.[label] ?? task.thresholds[i] ?? DEFAULT_THRESHOLD,
    ),
  }));
}

function resultOf(task: Task, scores: readonly number[]): TaskResult {
  const top = topOf(scores);
  return {
    task: task.name,
    label: task.labels[top] ?? '',
    score: scores[top] ?? 0,
    labels: labelsGiven(task, scores).map(i => task.labels[i] ?? ''),
    scores: new ScoresInOrder(task.labels, scores),
  };
}

/** Holds scores in the order of the labels, and builds the object only when it is written out. */
export class ScoresInOrder implements LabelScores {
  readonly #labels: readonly string[];
  readonly #scores: readonly number[];

  constructor(labels: readonly string[], scores: readonly number[]) {
    this.#labels = labels;
    this.#scores = scores;
  }

  toJSON(): Record<string, number> {
    const byLabel: Record<string, number> = {};
    this.#labels.forEach((label, i) => {
      byLabel[label] = this.#scores[i] ?? 0;
    });
    return byLabel;
  }
}

function requireKnown(
  field: string,
  rules: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined,
  tasks: readonly Task[],
): void {
  for (const [name, labels] of Object.entries(rules ?? {})) {
    const task = tasks.find(each => each.name === name);
    if (!task)
      throw unknownName(`${field}: the model has no task "${name}"; it has ${tasks.map(each => each.name).join(', ')}`);
    const strange = Object.keys(labels).find(label => !task.labels.includes(label));
    if (strange)
      throw unknownName(`${field}.${name}: the task has no label "${strange}"; it has ${task.labels.join(', ')}`);
  }
}

function unknownName(message: string): SiftlineError {
  return SiftlineError.config('POLICY_UNKNOWN', message);
}
