import { refusal } from './refusal.js';

/** What a label's threshold is chosen for. */
export type Goal =
  | { readonly kind: 'f1' }
  /** The most recall with at least this precision. */
  | { readonly kind: 'precision'; readonly value: number }
  /** The most precision with at least this recall. */
  | { readonly kind: 'recall'; readonly value: number };

export interface Goals {
  of(label: string): Goal;
}

export interface GoalFlags {
  readonly precision?: string | undefined;
  readonly recall?: string | undefined;
  /** `toxic=precision:0.95,sexist=recall:0.9` */
  readonly for?: string | undefined;
}

/** Throws EVAL_GOAL for a number that is no share, both goals at once, or a label the task does not have. */
export function parseGoals({ precision, recall, for: each }: GoalFlags, labels: readonly string[]): Goals {
  if (precision !== undefined && recall !== undefined)
    throw refusal(
      'EVAL_GOAL',
      '--precision and --recall: give one of them; --for toxic=precision:0.95,sexist=recall:0.9 gives each label its own',
    );
  const general: Goal =
    precision !== undefined
      ? { kind: 'precision', value: share(precision, '--precision') }
      : recall !== undefined
        ? { kind: 'recall', value: share(recall, '--recall') }
        : { kind: 'f1' };
  const own = new Map(
    (each ?? '')
      .split(',')
      .filter(Boolean)
      .map(part => goalOf(part, labels)),
  );
  return { of: label => own.get(label) ?? general };
}

function goalOf(part: string, labels: readonly string[]): [string, Goal] {
  const [, label = '', kind, value] = /^\s*(.+)=(f1|(?:precision|recall)(?=:))(?::(.+))?$/.exec(part) ?? [];
  if (!labels.includes(label) && kind !== undefined)
    throw refusal('EVAL_GOAL', `--for: there is no label "${label}"; there are ${labels.join(', ')}`);
  if (kind === 'precision' || kind === 'recall') return [label, { kind, value: share(value ?? '', '--for') }];
  if (kind === 'f1' && value === undefined) return [label, { kind }];
  throw refusal(
    'EVAL_GOAL',
    `--for: "${part}" is not a goal; write label=precision:0.95, label=recall:0.9 or label=f1`,
  );
}

function share(text: string, option: string): number {
  const value = Number(text);
  if (/^[\d.]+$/.test(text) && value > 0 && value <= 1) return value;
  throw refusal('EVAL_GOAL', `${option}: "${text}" is not a share; give a number above 0 and at most 1, such as 0.95`);
}
