/** The outcome that a record of the input must have. */
export type ExpectedOutcome =
  | { readonly kind: 'labelled'; readonly labels: string }
  | { readonly kind: 'rejected'; readonly reason: string }
  | { readonly kind: 'skipped' };

/** The parts of a record that go through unchanged: key, event time, own headers and the record's own id. */
export type Identity = string;

/** One record of the input topic, with its expected outcome. */
export interface Expected {
  /** `<topic>-<partition>-<offset>` of the input. */
  readonly id: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly identity: Identity;
  readonly outcome: ExpectedOutcome;
  readonly poison: boolean;
}

/** One record of an output topic, as a reader of committed records got it. */
export interface Found {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly id: string;
  readonly identity: Identity;
  readonly outcome: Exclude<ExpectedOutcome, { kind: 'skipped' }>;
  /** The probabilities, in the order of the labels' names; empty for a rejected record. */
  readonly scores: readonly number[];
}

export interface Findings {
  readonly records: number;
  readonly labelled: number;
  readonly rejected: number;
  readonly skipped: number;
  readonly missing: number;
  /** The copies after the first: an `identical` copy has the content of the first, a `differing` one does not. */
  readonly duplicates: number;
  readonly identical: number;
  readonly differing: number;
  readonly outOfOrder: number;
  /** A label other than the golden one, another reason, a label for poison, or a rejection for a good record. */
  readonly wrongLabels: number;
  /** Key, event time, headers or id that differ from the input. */
  readonly altered: number;
  /** Results without an input. */
  readonly unexpected: number;
  readonly poison: { readonly records: number; readonly accounted: number };
}

/** The findings, with one sentence for each record that is wrong; the first few are evidence enough. */
export interface Verdict {
  readonly findings: Findings;
  readonly complaints: readonly string[];
}

/**
 * The largest difference of the same score. The same text in another batch has other padding, and so another rounding.
 */
const SAME_SCORE = 1e-4;

/**
 * Compares the outputs with the input. The conservation law is records = labelled + rejected + skipped, each record
 * once. The order is the order of the input, by partition and topic, for the first copy of each result.
 */
export function verify(expected: readonly Expected[], found: readonly Found[]): Verdict {
  const complaints: string[] = [];
  const inputs = new Map(expected.map(each => [each.id, each]));
  const first = new Map<string, Found>();
  const count = { identical: 0, differing: 0, wrongLabels: 0, altered: 0, unexpected: 0 };
  for (const each of inOrder(found)) {
    const input = inputs.get(each.id);
    const earlier = first.get(each.id);
    if (!input) {
      count.unexpected += 1;
      complaints.push(`${place(each)}: ${each.id} is no input`);
    } else if (earlier) {
      const same = says(earlier, each);
      count[same ? 'identical' : 'differing'] += 1;
      complaints.push(`${place(each)}: ${each.id} again (${same ? 'identical to' : 'differs from'} ${place(earlier)})`);
    } else {
      first.set(each.id, each);
      if (!isRight(input, each)) {
        count.wrongLabels += 1;
        complaints.push(`${place(each)}: ${each.id} is ${spell(each.outcome)}, has to be ${spell(input.outcome)}`);
      }
      if (input.identity !== each.identity) {
        count.altered += 1;
        complaints.push(`${place(each)}: ${each.id} has ${each.identity}, the input has ${input.identity}`);
      }
    }
  }
  const missing = expected.filter(({ id, outcome }) => outcome.kind !== 'skipped' && !first.has(id));
  complaints.push(...missing.map(({ id }) => `${id} has no outcome`));
  const disordered = outOfOrder([...first.values()], inputs);
  complaints.push(...disordered.map(each => `${place(each)}: ${each.id} stands behind a later one`));
  const kinds = (kind: string) => [...first.values()].filter(({ outcome }) => outcome.kind === kind).length;
  const poison = expected.filter(each => each.poison);
  const findings = {
    records: expected.length,
    labelled: kinds('labelled'),
    rejected: kinds('rejected'),
    skipped: expected.filter(({ id, outcome }) => outcome.kind === 'skipped' && !first.has(id)).length,
    missing: missing.length,
    duplicates: count.identical + count.differing,
    ...count,
    outOfOrder: disordered.length,
    poison: { records: poison.length, accounted: poison.filter(each => isAccounted(each, first.get(each.id))).length },
  };
  return { findings, complaints };
}

function inOrder(found: readonly Found[]): Found[] {
  return [...found].sort(
    (a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition || Number(a.offset - b.offset),
  );
}

/** Returns the results that are out of order; `firsts` are in the order of the output. */
function outOfOrder(firsts: readonly Found[], inputs: ReadonlyMap<string, Expected>): Found[] {
  const last = new Map<string, bigint>();
  return firsts.filter(each => {
    const input = inputs.get(each.id) as Expected;
    const where = `${each.topic}/${each.partition}/${input.partition}`;
    const before = last.get(where) ?? -1n;
    if (input.offset < before) return true;
    last.set(where, input.offset);
    return false;
  });
}

function isRight({ outcome }: Expected, found: Found): boolean {
  return spell(outcome) === spell(found.outcome);
}

function isAccounted(expected: Expected, found: Found | undefined): boolean {
  if (expected.outcome.kind === 'skipped') return found === undefined;
  return found !== undefined && isRight(expected, found);
}

function says(a: Found, b: Found): boolean {
  const close = a.scores.every((score, i) => Math.abs(score - (b.scores[i] ?? Number.NaN)) < SAME_SCORE);
  return (
    spell(a.outcome) === spell(b.outcome) && a.identity === b.identity && a.scores.length === b.scores.length && close
  );
}

function spell(outcome: ExpectedOutcome): string {
  switch (outcome.kind) {
    case 'labelled':
      return `labelled ${outcome.labels}`;
    case 'rejected':
      return `rejected ${outcome.reason}`;
    case 'skipped':
      return 'skipped';
  }
}

function place({ topic, partition, offset }: Found): string {
  return `${topic}/${partition}@${offset}`;
}
