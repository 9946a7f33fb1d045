/** A record's place, and what was found there. */
export interface AuditFinding {
  /** The input's position: topic-partition-offset. */
  readonly input: string;
  /** The output's position, where there is one. */
  readonly output?: string;
  readonly what?: string;
}

/** Findings by kind; each breaks what a stage promises, however often it may have been restarted. */
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
  /** Labelled in one of the topics alone. */
  readonly onlyHere: number;
  readonly onlyThere: number;
}

/** The books, added up: `input` is `labelled + rejected + skipped + missing`. */
export interface AuditReport {
  /** Records read, tombstones included. */
  readonly input: number;
  readonly labelled: number;
  readonly rejected: number;
  /** Tombstones: no outcome belongs to them. */
  readonly skipped: number;
  readonly missing: number;
  /** Outcomes after the first of their input: with the first one's answer, or another. */
  readonly duplicates: { readonly identical: number; readonly differing: number };
  readonly outOfOrder: number;
  /** Outcomes whose key, timestamp, headers or (dead letters) value are not the input's. */
  readonly differing: number;
  /** Outcomes of other topics, of tombstones, or of records that are not there. */
  readonly stray: number;
  readonly wrongPartition: number;
  /** Output records that are no result of siftline. */
  readonly unreadable: number;
  /** Outcomes of inputs before or behind the range: not looked at, and no finding. */
  readonly outside: number;
  readonly against?: Against;
  /** The first of each kind. */
  readonly findings: Readonly<Partial<Record<FindingKind, readonly AuditFinding[]>>>;
}

/** Tells a report without anything that must not be. */
export function isClean(report: AuditReport): boolean {
  const { missing, duplicates, outOfOrder, differing, stray, wrongPartition, unreadable, against } = report;
  const disagreements = against ? against.differing + against.onlyHere + against.onlyThere : 0;
  const found = [missing, duplicates.identical, duplicates.differing, outOfOrder, differing, stray, wrongPartition];
  return [...found, unreadable, disagreements].every(count => count === 0);
}
