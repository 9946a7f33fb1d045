import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readArgs } from '../../bench/args.js';
import { belowFloor } from '../../bench/gate.js';
import { renderMarkdown } from '../../bench/markdown.js';
import { mediansOf } from '../../bench/measured.js';
import { contestantsPlot, growthPlot } from '../../bench/plot.js';
import { summary } from '../../bench/report.js';
import type { BenchResult, PacedAt, Result } from '../../bench/result.js';

function contestant(name: string, textsPerSecond: number, paced: readonly PacedAt[] = []): Result {
  const rounds = [0.9, 1, 1.1].map(factor => ({
    textsPerSecond: textsPerSecond * factor,
    cpuPerThousand: 0.5,
    peakRssMb: 100,
    paddingShare: 0.02,
    ...(name !== 'limit' && { brokerCores: 0.2, brokerCpuPerThousand: 0.1, mainThreadShare: 0.3, firstLabelMs: 1_500 }),
  }));
  return { name, title: `the ${name}`, count: 1_000, paced, ...mediansOf(rounds) };
}

function load(share: number, rate: number): PacedAt {
  return { share, rate, keptUp: true, count: 20_000, p50Ms: 4, p99Ms: 9, p999Ms: 12, batchInferMs: 3 };
}

const result: BenchResult = {
  args: readArgs(['--quick'], 2),
  machine: 'a machine',
  cores: 2,
  meanTokens: 10,
  model: { name: 'm', version: '1', sha256: '', identity: '', precision: 'int8', maxTokens: 128, tasks: [] },
  results: [
    contestant('limit', 1_000),
    contestant('classify', 950),
    contestant('stream', 810, [load(0.3, 243), load(0.6, 486)]),
    contestant('plain', 81),
  ],
  missing: [],
  growth: [{ what: 'threads', points: [{ x: 1, textsPerSecond: 500, coreMicros: 2_000, limitMicros: 1_900 }] }],
  repeatShare: 0.5,
};

test('the JSON line has the figures of every contestant and their ratios within the run', () => {
  const { limit, classify, stream, plain } = summary(result);
  assert.equal(limit?.textsPerSecond, 1_000);
  assert.equal(limit?.ratioToLimit, undefined);
  assert.equal(classify?.ratioToLimit, 0.95);
  assert.equal(stream?.ratioToLimit, 0.81);
  // The broker took a tenth of the two cores, so the limit beside it is 900.
  assert.equal(stream?.ratioToLimitBesideBroker, 0.9);
  assert.equal(stream?.ratioToPlain, 10);
  assert.equal(plain?.ratioToPlain, undefined);
  assert.equal(stream?.paddingShare, 0.02);
});

test('the latencies of a contestant are those at 60 % of its peak', () => {
  const differing = {
    ...result,
    results: [contestant('limit', 1), contestant('stream', 1, [load(0.3, 1), { ...load(0.6, 2), p99Ms: 77 }])],
  };
  const { stream } = summary(differing);
  assert.equal(stream?.p50Ms, 4);
  assert.equal(stream?.p99Ms, 77);
  assert.equal((stream?.paced as unknown[] | undefined)?.length, 2);
});

test('the page has a row for every contestant and every load, and the pictures are whole', () => {
  const page = renderMarkdown(result);
  for (const { title } of result.results) assert.match(page, new RegExp(`\\| ${title} \\|`));
  assert.match(page, /\| stream \| 486 \(60 % of its peak\) \| 4 \| 9 \| 12 \| 3.0 \|/);
  assert.match(page, /siftline reaches \*\*0.90\*\*/);
  for (const picture of [contestantsPlot(result), growthPlot(result.growth)]) {
    assert.match(picture, /^<svg xmlns[\s\S]*<\/svg>\n$/);
    assert.doesNotMatch(picture, /NaN|undefined|Infinity/);
  }
});

const untuned: BenchResult = {
  ...result,
  results: [
    ...result.results,
    contestant('plainFp32', 40),
    contestant('plainDynamic', 100),
    contestant('pythonTunedDynamic', 500),
    contestant('pythonDynamic', 300),
  ],
  agreement: { texts: 481, fp32: { news: 0.97, spam: 1 }, dynamic: { news: 0.896, spam: 0.99 } },
};

test('the JSON line has the ratios to the plain script on fp32 and to the fastest rival on the quantize_dynamic file', () => {
  const { stream, plainFp32, pythonTunedDynamic } = summary(untuned);
  assert.equal(stream?.ratioToPlainFp32, 20.25);
  assert.equal(stream?.ratioToBestDynamic, 1.62);
  assert.equal(stream?.ratioToBestDynamicAsInExamples, 2.7);
  assert.equal(plainFp32?.ratioToPlainFp32, undefined);
  assert.equal(pythonTunedDynamic?.ratioToBestDynamic, undefined);
  const { stream: alone } = summary(result);
  assert.ok(alone && !('ratioToPlainFp32' in alone) && !('ratioToBestDynamic' in alone));
});

test('the page says in a sentence each how far ahead of untuned rivals siftline is, and how alike their graphs are', () => {
  const page = renderMarkdown(untuned);
  assert.match(
    page,
    /\*\*20\.25\*\* times as many texts a second as the plain script padded to 128 on fp32 \(`plainFp32`\)\.\n/,
  );
  assert.match(
    page,
    /\*\*1\.62\*\* times as many texts a second as the fastest rival on .*`quantize_dynamic` makes \(`pythonTunedDynamic`\)\.\n/,
  );
  assert.match(
    page,
    /\*\*2\.70\*\* times as many texts a second as .* that nobody has tuned by hand \(`pythonDynamic`\)\.\n/,
  );
  assert.match(page, /Of the demo's 481 texts.* 97\.0 % to 100\.0 %, by head, .*\n.*89\.6 % to 99\.0 %\./);
});

test('the page names what was not measured, and says nothing of ratios to it', () => {
  const page = renderMarkdown({ ...result, missing: ['Python with onnx: none'] });
  assert.match(page, /^Not measured: Python with onnx: none\.$/m);
  assert.doesNotMatch(page, /NaN|undefined|plainFp32|Of the demo's/);
});

test('the gate fails for a ratio below its floor less the margin, and for one that was not measured', () => {
  const floor = { of: 'stream', to: 'limit', floor: 0.9, margin: 0.1 };
  assert.deepEqual(belowFloor(summary(result), [floor]), []);
  assert.match(belowFloor(summary(result), [{ ...floor, margin: 0.09 }])[0] ?? '', /stream \/ limit is 0.810/);
  assert.match(belowFloor(summary(result), [{ ...floor, of: 'absent' }])[0] ?? '', /not measured/);
});

test('an option that is no number above 0 is refused', () => {
  assert.throws(() => readArgs(['--rounds', 'many'], 2), /--rounds: "many"/);
  assert.equal(readArgs(['--full'], 2).growth, true);
});
