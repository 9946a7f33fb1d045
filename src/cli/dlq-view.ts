import { once } from 'node:events';
import { printable, printableJson } from '../observe/printable.js';
import { padEnd, table } from '../observe/table.js';
import { recordId } from '../ports.js';
import type { DeadLetter } from '../stage/dead-letters.js';
import { formatOffsets } from '../stage/topics.js';
import { rejectionTime, type Summary, type SummaryRow } from '../tools/dead-letters/letters.js';
import type { RedriveReport, RedriveSkip } from '../tools/dead-letters/redrive.js';

interface ViewFlags {
  readonly json?: boolean;
}

/** Writes lines to standard output at the pace of its reader; ends quietly when the reader is gone (`| head`). */
export class Lines {
  readonly #stdout: NodeJS.WritableStream;
  readonly #onError: () => void;
  #gone = false;

  constructor(stdout: NodeJS.WritableStream) {
    this.#stdout = stdout;
    this.#onError = () => {
      this.#gone = true;
    };
    stdout.on('error', this.#onError);
  }

  /** Returns false when the reader is gone. */
  async write(line: string): Promise<boolean> {
    if (this.#gone) return false;
    if (!this.#stdout.write(`${line}\n`)) await once(this.#stdout, 'drain').catch(() => {});
    return !this.#gone;
  }
}

/** Returns the line for one record of a list. */
export function letterLine(letter: DeadLetter, { json }: ViewFlags): string {
  const { record, reason, stage, attempts, redrives, redriveOf, origin, cut } = letter;
  if (json)
    return printableJson({
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
  const notes = [`attempts ${attempts}`, `redrives ${redrives}`, ...(cut ? ['cut'] : [])].join('  ');
  const from = origin ? `  from ${printable(recordId(origin))}` : '';
  return `${recordId(record)}  ${printable(reason)}  ${printable(stage)}  ${timeOf(rejectionTime(letter))}  ${notes}${from}`;
}

export function summaryText(topic: string, summary: Summary, { json }: ViewFlags): string {
  const rows = summary.rows();
  if (json) return printableJson({ topic, records: summary.count, reasons: rows.map(rowJson) });
  if (rows.length === 0) return `${topic}: no rejected records in this range`;
  const records = summary.count === 1 ? '1 rejected record' : `${summary.count} rejected records`;
  return [`${topic}: ${records}`, '', ...table([HEAD, ...rows.map(cellsOf)])].join('\n');
}

function rowJson(row: SummaryRow): object {
  return { ...row, first: timeOf(row.first), last: timeOf(row.last), partitions: Object.fromEntries(row.partitions) };
}

const HEAD = ['reason', 'stage', 'count', 'redriven', 'first', 'last', 'partition:count'];

function cellsOf({ reason, stage, count, redriven, first, last, partitions }: SummaryRow): string[] {
  const spread = [...partitions].sort(([a], [b]) => a - b).map(([partition, many]) => `${partition}:${many}`);
  const counts = [String(count), String(redriven)];
  return [printable(reason), printable(stage), ...counts, timeOf(first), timeOf(last), spread.join(' ')];
}

/** Returns the value alone: its bytes, or in hex. */
export function valueAlone({ record }: DeadLetter, { hex, json }: ViewFlags & { hex?: boolean }): string | Buffer {
  const value = record.value ?? Buffer.alloc(0);
  if (json) return `${printableJson({ record: recordId(record), value: record.value?.toString('hex') ?? null })}\n`;
  return hex ? `${value.toString('hex')}\n` : value;
}

/** Returns one record in words, without its value. */
export function letterText(letter: DeadLetter, { json }: ViewFlags): string {
  return json ? `${printableJson(asObject(letter))}\n` : described(letter);
}

function asObject(letter: DeadLetter): object {
  const { record, origin, reason, stage, detail, attempts, redrives, redriveOf, cut } = letter;
  return {
    record: recordId(record),
    reason,
    stage,
    detail,
    source: origin ? recordId(origin) : null,
    timestamp: Number(record.timestamp),
    rejectedAt: timeOf(rejectionTime(letter)),
    attempts,
    redrives,
    redriveOf: redriveOf ?? null,
    cut: cut ?? null,
    key: shown(record.key),
    valueBytes: record.value?.length ?? null,
    headers: record.headers.map(([name, value]) => ({ name, value: shown(value) })),
  };
}

function described(letter: DeadLetter): string {
  const { record, origin, reason, stage, detail, attempts, redrives, redriveOf, cut } = letter;
  const bytes = record.value === null ? 'null' : `${record.value.length} bytes; --value writes them, --hex in hex`;
  const whole = cut ? ` (the head of ${cut.bytes}; SHA-256 of the whole ${printable(cut.sha256)})` : '';
  const again = redriveOf === undefined ? '' : `, sent back ${redrives} times, first as ${printable(redriveOf)}`;
  const width = Math.max(...record.headers.map(([name]) => name.length), 0);
  return `${[
    `record      ${recordId(record)}`,
    `reason      ${printable(reason)} (${printable(stage)}): ${printable(detail)}`,
    `source      ${origin ? printable(recordId(origin)) : 'unknown'}${again}`,
    `event time  ${record.timestamp} (${timeOf(Number(record.timestamp))})`,
    `rejected    ${timeOf(rejectionTime(letter))}, after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`,
    `key         ${inWords(record.key)}`,
    `value       ${bytes}${whole}`,
    `headers     ${record.headers.length}`,
    ...record.headers.map(([name, value]) => `  ${padEnd(printable(name), width)}  ${inWords(value)}`),
  ].join('\n')}\n`;
}

const SKIPS: Readonly<Record<RedriveSkip, string>> = {
  cut: 'cut to fit the rejected topic; the whole record is in the input topic',
  noOrigin: 'no headers that name the input topic, partition and offset',
  tooOften: 'already sent back as often as --max-redrives allows',
  refused: 'refused by the brokers: too large, or without the key that a compacted topic needs',
};

/** Returns in words what a redrive has done, or what a dry run would do. */
export function redriveText(
  report: RedriveReport,
  topic: string,
  { json, execute }: ViewFlags & { readonly execute?: boolean },
): string {
  const { reached, ...counts } = report;
  const next = formatOffsets([...reached].map(([partition, offset]) => ({ topic, partition, offset })));
  if (json) return `${printableJson({ topic, executed: execute === true, ...counts, next })}\n`;
  const { read, wanted, sent, targets, skipped, finished } = report;
  const verb = execute ? 'sent' : 'to send';
  const skips = Object.entries(SKIPS).filter(([name]) => skipped[name as RedriveSkip] > 0);
  return `${[
    `${topic}: ${read} read, ${wanted} wanted, ${sent} ${verb}`,
    ...targets.map(({ reason, topic: to, count }) => `  ${verb}  ${count}  ${printable(reason)}  to ${printable(to)}`),
    ...skips.map(([name, why]) => `  skipped  ${skipped[name as RedriveSkip]}  ${why}`),
    ...(execute || sent === 0 ? [] : ['dry run, nothing was sent; --execute sends']),
    ...(execute && next !== '' ? [`${finished ? 'done' : 'stopped early'}; --from ${next} goes on from here`] : []),
  ].join('\n')}\n`;
}

/** Returns ISO 8601 to the second; a number that is no time stays a number. */
function timeOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** Bytes for a person to look at: as text where they are harmless text, else as hex. */
export interface Shown {
  readonly bytes: number;
  readonly utf8?: string;
  readonly hex?: string;
}

const MOST_BYTES = 256;

/** Cut after 256 bytes; null is null. */
export function shown(value: Buffer | null): Shown | null {
  if (value === null) return null;
  const text = value.length <= MOST_BYTES ? harmless(value) : undefined;
  if (text !== undefined) return { bytes: value.length, utf8: text };
  return { bytes: value.length, hex: value.subarray(0, MOST_BYTES).toString('hex') };
}

export function inWords(value: Buffer | null): string {
  const what = shown(value);
  if (!what) return 'null';
  const size = what.bytes === 1 ? '1 byte' : `${what.bytes} bytes`;
  if (what.utf8 !== undefined) return what.bytes === 0 ? size : `${size}  ${JSON.stringify(what.utf8)}`;
  return `${size}  hex ${what.hex}${what.bytes > MOST_BYTES ? '...' : ''}`;
}

function harmless(value: Buffer): string | undefined {
  const text = value.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(value) && !/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u.test(text);
  return isText ? text : undefined;
}
