import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { demoTexts } from '../src/demo/records.js';
import { readModelFolder } from '../src/model/folder.js';
import { planRuns, Tensors } from '../src/model/plan.js';
import { Tokenizer } from '../src/model/tokenizer.js';

/**
 * Shows the time of inference by operator: ONNX Runtime's own profile of one thread over the demo's texts, in runs as a
 * worker cuts them. Profiling costs a little for every operator, so the shares of small operators are a little too
 * large.
 */

const RUN_TOKENS = 512;
const ROUNDS = 5;

interface Event {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

const { values } = parseArgs({ options: { model: { type: 'string', default: 'english' } } });
const folder = await readModelFolder({ path: values.model, maxTokens: 128, verify: false });
const tokenizer = new Tokenizer(JSON.parse(readFileSync(folder.tokenizerFile, 'utf8')), folder.info.maxTokens);
const encoded = demoTexts('texts.jsonl').map(text => tokenizer.encode(text));
const place = mkdtempSync(join(tmpdir(), 'siftline-profile-'));
try {
  const shares = sharesOf(await profile());
  const all = shares.reduce((sum, [, micros]) => sum + micros, 0);
  console.log(`${folder.info.name}, ${encoded.length} texts of the demo, one thread, runs of ${RUN_TOKENS} tokens`);
  for (const [operator, micros] of shares.slice(0, 12))
    console.log(`${operator.padEnd(24)} ${((100 * micros) / all).toFixed(1).padStart(5)} %`);
} finally {
  rmSync(place, { recursive: true });
}

async function profile(): Promise<Event[]> {
  const session = await InferenceSession.create(folder.onnxFile, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    graphOptimizationLevel: folder.optimised ? 'extended' : 'all',
    enableProfiling: true,
    profileFilePrefix: join(place, 'profile'),
  });
  const tensors = new Tensors(folder.padId);
  const runs = planRuns(
    encoded.map(({ ids }) => ids.length),
    RUN_TOKENS,
  );
  for (let round = 0; round < ROUNDS; round++) {
    for (const run of runs) {
      const { ids, mask, shape } = tensors.fill(run, encoded);
      const feeds = { input_ids: ids, attention_mask: mask, token_type_ids: new BigInt64Array(ids.length) };
      const wanted = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
      await session.run(Object.fromEntries(wanted.map(([name, data]) => [name, new Tensor('int64', data, shape)])));
    }
  }
  session.endProfiling();
  await session.release();
  return JSON.parse(readFileSync(join(place, readdirSync(place)[0] ?? ''), 'utf8'));
}

function sharesOf(events: readonly Event[]): Array<[operator: string, micros: number]> {
  const sums = new Map<string, number>();
  for (const { cat, name, dur, args } of events) {
    const operator = args?.op_name;
    if (cat === 'Node' && operator && name.endsWith('_kernel_time'))
      sums.set(operator, (sums.get(operator) ?? 0) + dur);
  }
  return [...sums].sort(([, a], [, b]) => b - a);
}
