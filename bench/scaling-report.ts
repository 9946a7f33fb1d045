import type { Count, Silence } from './silence.js';
import { median } from './stats.js';

export interface Drained {
  readonly instances: number;
  readonly cpusEach: number;
  readonly textsPerSecond: number;
  /** The records labelled by each instance. */
  readonly each: readonly number[];
  readonly counted: Count;
}

export interface Changed {
  readonly calm: readonly Silence[];
  readonly join: readonly Silence[];
  readonly term: readonly Silence[];
  readonly kill: readonly Silence[];
  /** The seconds from the start of a process to its share of the partitions. */
  readonly startSeconds: number;
  readonly records: number;
  readonly counted: Count;
}

export interface ScalingResult {
  readonly machine: string;
  readonly model: string;
  readonly delivery: string;
  readonly count: number;
  readonly rounds: number;
  readonly perSecond: number;
  readonly sessionSeconds: number;
  readonly cpus: number;
  readonly drained: readonly Drained[];
  readonly changed: Changed;
}

/**
 * Returns the measured part of docs/scaling.md. Throws if a record is missing, since the figures are worthless then.
 */
export function renderScaling(result: ScalingResult): string {
  const { drained, changed, rounds } = result;
  for (const { counted } of [...drained, changed]) insistOnAll(counted);
  return `Machine: ${result.machine}. Model: ${result.model}. \`delivery: ${result.delivery}\`. One broker, on the same cores.

A backlog of ${result.count} records in 8 partitions is worked off without the answer cache.
The CPUs of an instance are limited by a quota, as in a container.
A figure is the median of ${rounds} rounds (of two, the slower).

The same CPUs, ${result.cpus.toFixed(1)}, divided among more and more instances:

${drainedTable(drained.filter(each => Math.abs(inAll(each) - result.cpus) < 0.01))}

The same CPUs, ${(result.cpus / 4).toFixed(2)}, for each instance:

${drainedTable(drained.filter(each => Math.abs(each.cpusEach - result.cpus / 4) < 0.01))}

A feed of ${result.perSecond} records a second, one thread each, \`input.sessionTimeoutMs: ${result.sessionSeconds * 1_000}\`.
The table has seconds without a label, as median / worst of the changes: in the whole group, in the partition with the longest pause, and in the one with the shortest.
The pause of a partition runs from its last label before the change to its first label after.

| change | changes | whole group | longest pause of a partition | shortest pause of a partition |
| --- | ---: | ---: | ---: | ---: |
${changedRow('none, for comparison', changed.calm)}
${changedRow('a second instance joins', changed.join)}
${changedRow('one of two leaves, by SIGTERM', changed.term)}
${changedRow('one of two is killed, by SIGKILL', changed.kill)}

From the start of a process to its share of the partitions: ${changed.startSeconds.toFixed(1)} s, median.
Of ${changed.records} records ${changed.counted.missing} were missing, and ${changed.counted.repeated} labels were repeats${result.delivery === 'exactly-once' ? '' : ', which a SIGKILL may bring with at-least-once delivery'}.
`;
}

function insistOnAll({ missing, stray }: Count): void {
  if (missing + stray > 0) throw new Error(`${missing} records have no label, ${stray} labels have no record`);
}

function drainedTable(all: readonly Drained[]): string {
  const sorted = [...all].sort((a, b) => a.instances - b.instances);
  const rows = sorted.map(each => drainedRow(each, sorted[0]?.textsPerSecond ?? 0));
  return `| instances | CPUs each | texts/s | to one instance | records of an instance, least to most | missing | repeated |
| ---: | ---: | ---: | ---: | --- | ---: | ---: |
${rows.join('\n')}`;
}

function drainedRow({ instances, cpusEach, textsPerSecond, each, counted }: Drained, ofOne: number): string {
  const cells = [
    instances,
    cpusEach.toFixed(2),
    textsPerSecond.toFixed(0),
    (textsPerSecond / ofOne).toFixed(2),
    `${Math.min(...each)} to ${Math.max(...each)}`,
    counted.missing,
    counted.repeated,
  ];
  return `| ${cells.join(' | ')} |`;
}

function inAll({ instances, cpusEach }: Drained): number {
  return instances * cpusEach;
}

function changedRow(name: string, all: readonly Silence[]): string {
  const cell = (which: keyof Silence) => {
    const values = all.map(each => each[which]);
    return `${median(values).toFixed(1)} / ${Math.max(...values).toFixed(1)}`;
  };
  return `| ${name} | ${all.length} | ${cell('overall')} | ${cell('worst')} | ${cell('least')} |`;
}
