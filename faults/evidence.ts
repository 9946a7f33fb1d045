import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SourceRecord } from '../src/ports.js';
import { headerOf } from './outputs.js';
import type { Result } from './result.js';
import type { Evidence } from './stage.js';

/**
 * Writes everything that is left of a run: the topics as they were read, the raw log with its markers, and the members'
 * logs.
 */
export function keep(root: string, result: Result, evidence: Evidence): string {
  const folder = join(root, `${result.scenario}-${result.promise}`);
  mkdirSync(folder, { recursive: true });
  const { positions, ...rest } = result;
  writeFileSync(join(folder, 'result.json'), `${JSON.stringify(rest, null, 2)}\n`);
  writeFileSync(join(folder, 'input.jsonl'), lines(evidence.inputs.map(recordLine)));
  writeFileSync(join(folder, 'output.jsonl'), lines(evidence.outputs.map(recordLine)));
  writeFileSync(join(folder, 'raw.jsonl'), lines(evidence.raw));
  for (const { name, log } of evidence.members) writeFileSync(join(folder, `${name}.log`), `${log.join('\n')}\n`);
  return folder;
}

function lines(all: readonly object[]): string {
  return all.map(each => `${JSON.stringify(each)}\n`).join('');
}

function recordLine(record: SourceRecord): object {
  const { topic, partition, offset, timestamp, key, value } = record;
  return {
    topic,
    partition,
    offset: String(offset),
    timestamp: String(timestamp),
    key: key?.toString() ?? null,
    n: headerOf(record, 'n'),
    id: headerOf(record, 'siftline.id'),
    value: value?.toString('base64').slice(0, 400) ?? null,
  };
}
