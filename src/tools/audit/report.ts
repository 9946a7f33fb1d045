/** A finding: the positions of the records, and the difference. */
export interface AuditFinding {
  /** The input's position: topic-partition-offset. */
  readonly input: string;
  /** The output's position, if there is an output. */
  readonly output?: string;
  readonly what?: string;
}

/** The kinds of findings. Each breaks a promise of the stage, however often it may have been restarted. */
export const FINDING_KINDS = [
  'missing',
  'identicalDuplicates',
  'differingDuplicates',
  'outOfOrder',
  'differing',
  'stray',
  'wrongPartition',
  'unreadable',
  'against',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

export interface Against {
  /** Inputs that both topics have labels for. */
  readonly compared: number;
  readonly differing: number;
  /** Inputs that have a label in only one of the two topics. */
  readonly onlyHere: number;
  readonly onlyThere: number;
}

/** The sums of the books: `input` is `labelled + rejected + skipped + missing`. */
export interface AuditReport {
  /** Records read, skipped ones included. */
  readonly input: number;
  readonly labelled: number;
  readonly rejected: number;
  /** Records with nothing to classify, which have no outcome: tombstones, and deletes in an envelope. */
  readonly skipped: number;
  readonly missing: number;
  /** Outcomes after the first of their input: with the same answer, or with another. */
  readonly duplicates: { readonly identical: number; readonly differing: number };
  readonly outOfOrder: number;
  /** Outcomes with a key, timestamp, headers or (dead letters) value that differ from the input. */
  readonly differing: number;
  /**
   * Labels that stand under another time, since their topic does not take the event time, which their value holds.
   * They are not findings.
   */
  readonly mendedTimes: number;
  /** Outcomes of other topics, of skipped records, or of records that do not exist. */
  readonly stray: number;
  readonly wrongPartition: number;
  /** Output records that are not results of siftline. */
  readonly unreadable: number;
  /** Outcomes of inputs before or after the range. They are not compared, and are not findings. */
  readonly outside: number;
  readonly against?: Against;
  /** The first findings of each kind. */
  readonly findings: Readonly<Partial<Record<FindingKind, readonly AuditFinding[]>>>;
}

/** Returns true for a report without findings that break a promise. */
export function isClean(report: AuditReport): boolean {
  const { missing, duplicates, outOfOrder, differing, stray, wrongPartition, unreadable, against } = report;
  const disagreements = against ? against.differing + against.onlyHere + against.onlyThere : 0;
  const found = [missing, duplicates.identical, duplicates.differing, outOfOrder, differing, stray, wrongPartition];
  return [...found, unreadable, disagreements].every(count => count === 0);
}
