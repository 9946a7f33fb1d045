import { createLog } from '../observe/log.js';
import { recordId } from '../ports.js';
import { type DeadLetter, readDeadLetter } from '../producer/dead-letter-reader.js';
import { Closers } from '../stage/closers.js';
import { isWanted, rejectionTime, Summary, type SummaryRow } from '../tools/dead-letters/letters.js';
import { plain } from '../tools/dead-letters/printable.js';
import type { CliContext } from './context.js';
import { type DlqFlags, dlqConfig, openDlq } from './dlq-reading.js';
import { Lines } from './lines.js';

export interface ListFlags extends DlqFlags {
  readonly records?: boolean;
}

export async function listDeadLetters(flags: ListFlags, context: CliContext): Promise<void> {
  const { config, topic } = dlqConfig(flags, context);
  const log = createLog('silent');
  const closers = new Closers(log);
  const lines = new Lines(context.stdout);
  const summary = new Summary();
  try {
    const { reader, ranges, wanted } = await openDlq(flags, { config, topic, closers, log });
    for (const range of ranges) {
      for await (const { records } of reader.read(range)) {
        for (const letter of records.map(readDeadLetter).filter(each => isWanted(wanted, each))) {
          summary.add(letter);
          if (flags.records && !(await lines.write(flags.json ? asJson(letter) : asLine(letter)))) return;
        }
      }
    }
  } finally {
    await closers.close();
  }
  if (!flags.records) await lines.write(flags.json ? summaryJson(topic, summary) : summaryText(topic, summary));
}

function asLine(letter: DeadLetter): string {
  const { record, reason, stage, attempts, redrives, origin, cut } = letter;
  const notes = [`attempts ${attempts}`, `redrives ${redrives}`, ...(cut ? ['cut'] : [])].join('  ');
  const from = origin ? `  from ${plain(recordId(origin))}` : '';
  return `${recordId(record)}  ${plain(reason)}  ${plain(stage)}  ${timeOf(rejectionTime(letter))}  ${notes}${from}`;
}

function asJson(letter: DeadLetter): string {
  const { record, reason, stage, attempts, redrives, redriveOf, origin, cut } = letter;
  return JSON.stringify({
    record: recordId(record),
    reason,
    stage,
    rejectedAt: timeOf(rejectionTime(letter)),
    attempts,
    redrives,
    ...(redriveOf === undefined ? {} : { redriveOf }),
    ...(origin ? { source: recordId(origin) } : {}),
    cut: cut !== undefined,
  });
}

function summaryJson(topic: string, summary: Summary): string {
  const rows = summary.rows().map(row => ({
    ...row,
    first: timeOf(row.first),
    last: timeOf(row.last),
    partitions: Object.fromEntries(row.partitions),
  }));
  return JSON.stringify({ topic, records: summary.count, reasons: rows });
}

function summaryText(topic: string, summary: Summary): string {
  const rows = summary.rows();
  if (rows.length === 0) return `${topic}: no rejected records there`;
  const cells = rows.map(cellsOf);
  const widths = HEAD.map((head, i) => Math.max(head.length, ...cells.map(row => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  const records = summary.count === 1 ? '1 rejected record' : `${summary.count} rejected records`;
  return [`${topic}: ${records}`, '', line(HEAD), ...cells.map(line)].join('\n');
}

const HEAD = ['reason', 'stage', 'count', 'redriven', 'first', 'last', 'partition:count'];

function cellsOf({ reason, stage, count, redriven, first, last, partitions }: SummaryRow): string[] {
  const spread = [...partitions].sort(([a], [b]) => a - b).map(([partition, many]) => `${partition}:${many}`);
  const counts = [String(count), String(redriven)];
  return [plain(reason), plain(stage), ...counts, timeOf(first), timeOf(last), spread.join(' ')];
}

/** ISO 8601 to the second; what is no time stays a number. */
export function timeOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
