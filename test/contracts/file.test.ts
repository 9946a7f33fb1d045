import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { recordsOnly } from '../../src/consumer/buffer.js';
import { fileInput, streamInput } from '../../src/consumer/files/input.js';
import { FileSource } from '../../src/consumer/files/source.js';
import { fileOutput, JsonlSink, streamOutput } from '../../src/producer/jsonl-sink.js';
import { type StoredOutcome, sinkContract } from './sink.contract.js';
import { sourceContract, type TestScope } from './source.contract.js';

const LIMITS = { textFields: ['text'], maxValueBytes: 1_000, batchBytes: 1_000_000 };

async function folder(t: TestScope): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'siftline-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

function lines(count: number): string {
  return Array.from({ length: count }, (_, i) => `text ${i}\n`).join('');
}

sourceContract({
  name: 'FileSource over files',
  can: new Set(),
  rig: async (t, counts) => {
    const path = await folder(t);
    const files = counts.map((_, i) => join(path, `${i}.txt`));
    await Promise.all(files.map((file, i) => writeFile(file, lines(counts[i] ?? 0))));
    const inputs = await Promise.all(files.map(file => fileInput(file, undefined)));
    return { open: async batchRecords => new FileSource({ inputs, ...LIMITS, budget: recordsOnly(batchRecords) }) };
  },
});

sourceContract({
  name: 'FileSource over a stream',
  can: new Set(['append']),
  partitions: 1,
  rig: async (_, [count = 0]) => {
    const streams: PassThrough[] = [];
    return {
      open: async batchRecords => {
        const stream = new PassThrough();
        stream.write(lines(count));
        streams.push(stream);
        return new FileSource({
          inputs: [streamInput('stdin', stream, undefined)],
          ...LIMITS,
          budget: recordsOnly(batchRecords),
        });
      },
      append: async (__, more) => void streams.at(-1)?.write(lines(more)),
    };
  },
});

sinkContract({
  name: 'JsonlSink on a file',
  can: new Set(),
  rig: async t => {
    const file = join(await folder(t), 'out.jsonl');
    const sink = new JsonlSink({ output: fileOutput(file), nameFiles: true, onGone: () => {} });
    await sink.open();
    t.after(() => sink.close());
    return { sink, stored: async () => storedIn(await readFile(`${file}.partial`, 'utf8')) };
  },
});

sinkContract({
  name: 'JsonlSink on a stream',
  can: new Set(),
  rig: async t => {
    const stream = new PassThrough({ highWaterMark: 1_000_000 });
    const sink = new JsonlSink({ output: streamOutput('out', stream), nameFiles: true, onGone: () => {} });
    await sink.open();
    t.after(() => sink.close());
    return { sink, stored: async () => storedIn(String(stream.read() ?? '')) };
  },
});

interface Line {
  readonly file: string;
  readonly line: number;
  readonly rejected?: string;
}

function storedIn(text: string): StoredOutcome[] {
  const entries = text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Line);
  return entries.map(({ file, line, rejected }) => ({
    partition: Number(file.slice('input-'.length)),
    offset: BigInt(line - 1),
    kind: rejected ? 'rejected' : 'labelled',
    ...(rejected ? { reason: rejected } : {}),
  }));
}
