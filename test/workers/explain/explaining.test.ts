import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import type { Config } from '../../../src/config/schema.js';
import type { ClassifiedBatch, Explanation } from '../../../src/ports.js';
import { buildClassifier, buildExplainingClassifier } from '../../../src/stage/parts/classifier.js';
import { WorkerClassifier } from '../../../src/workers/classifier.js';
import type { Reply, WorkerPool } from '../../../src/workers/pool.js';
import type { Request } from '../../../src/workers/protocol.js';
import { shippedModel } from '../../support/models.js';
import { configOf } from '../../tools/checks/support.js';

const TEXTS = ['I love this wonderful film', 'The train leaves at six', 'Thank you so much for your kind help'];
const log = pino({ level: 'silent' });

function configWith(fields: Readonly<Record<string, string>>): Config {
  return configOf({ 'model.path': shippedModel('english'), 'workers.count': '1', ...fields });
}

async function classify(config: Config, build = buildExplainingClassifier): Promise<ClassifiedBatch> {
  const { classifier } = await build(config, log);
  await classifier.open();
  try {
    return await classifier.classify(TEXTS);
  } finally {
    await classifier.close();
  }
}

function explanationsOf({ answers }: ClassifiedBatch): Array<readonly Explanation[] | null | undefined> {
  return answers.map(answer => (answer.kind === 'scored' ? answer.explanations : assert.fail(answer.reason)));
}

function scoresOf({ answers }: ClassifiedBatch): number[][][] {
  return answers.map(answer => (answer.kind === 'scored' ? answer.scores.map(scores => [...scores]) : []));
}

const LABELS = { 'explain.labels': 'emotions/love,emotions/gratitude', 'explain.topWords': '2' };

describe('on worker threads', () => {
  test('texts that are given a label of those asked for come with its strongest words, and only they', async () => {
    const batch = await classify(configWith({ ...LABELS, 'explain.budgetMs': '60000' }));
    const [love, none, gratitude] = explanationsOf(batch);
    assert.deepEqual(
      [love?.map(({ label }) => label), none, gratitude?.map(({ label }) => label)],
      [['love'], undefined, ['gratitude']],
    );
    const strongest = (explanation: Explanation | undefined, text = '') =>
      explanation?.words.map(({ start, end }) => text.slice(start, end));
    assert.equal(strongest(love?.[0], TEXTS[0])?.[0], 'love');
    assert.equal(strongest(gratitude?.[0], TEXTS[2])?.[0], 'Thank');
    assert.equal(love?.[0]?.words.length, 2);
  });

  test('a budget of nothing explains nothing, and says so of the texts it would have explained', async () => {
    const batch = await classify(configWith({ ...LABELS, 'explain.budgetMs': '0' }));
    assert.deepEqual(explanationsOf(batch), [null, undefined, null]);
  });

  test("the policy's thresholds decide what is given, not the model's own", async () => {
    const policy = '{emotions: {love: 1, gratitude: 0}}';
    const config = configWith({ ...LABELS, 'explain.budgetMs': '0', 'policy.thresholds': policy });
    assert.deepEqual(explanationsOf(await classify(config)), [null, null, null]);
    const none = configWith({ 'explain.labels': 'emotions/love', 'policy.thresholds': policy });
    assert.deepEqual(explanationsOf(await classify(none)), [undefined, undefined, undefined]);
  });

  test('scores are the same with explanations and without, to the last bit', async () => {
    const explained = await classify(configWith({ ...LABELS, 'explain.budgetMs': '60000' }));
    const plain = await classify(configWith({}));
    assert.deepEqual(scoresOf(explained), scoresOf(plain));
    assert.deepEqual(explanationsOf(plain), [undefined, undefined, undefined]);
  });

  test('who only wants scores gets no explanations, whatever the configuration asks for', async () => {
    const batch = await classify(configWith(LABELS), buildClassifier);
    assert.deepEqual(explanationsOf(batch), [undefined, undefined, undefined]);
  });

  test('the tokens of explanations are not among those of the batch', async () => {
    const { timings } = await classify(configWith({ ...LABELS, 'explain.budgetMs': '60000' }));
    const { answers, ...plain } = await classify(configWith({}));
    assert.equal(answers.length, TEXTS.length);
    assert.deepEqual([timings.tokens, timings.paddedTokens], [plain.timings.tokens, plain.timings.paddedTokens]);
  });

  test('a label the model does not have stops the start', async () => {
    const config = configWith({ 'explain.labels': 'emotions/lovely' });
    await assert.rejects(buildExplainingClassifier(config, log), { code: 'EXPLAIN_UNKNOWN', exitCode: 3 });
  });
});

describe('a batch that fails', () => {
  const model = {
    name: 'fake',
    version: '1',
    sha256: '',
    identity: '',
    precision: '',
    maxTokens: 8,
    tasks: [{ name: 'length', labels: ['score'], activation: 'sigmoid' as const, thresholds: [0.5] }],
  };

  function answersFor(texts: readonly string[]): Reply {
    return {
      kind: 'answers',
      scores: Float64Array.from(texts, () => 1),
      tokens: Int32Array.from(texts, () => 3),
      truncated: new Uint8Array(texts.length),
      windows: new Map(),
      failures: new Map(),
      tokeniseMs: 0,
      inferMs: 0,
      engineTokens: 1,
      paddedTokens: 1,
      explainMs: 1e9,
    };
  }

  /** Fails the first so many requests. */
  function classifierOn(failing: number) {
    const asked: Array<boolean | undefined> = [];
    const run = async (request: Request): Promise<Reply> => {
      if (request.kind !== 'classify') return { kind: 'ready' };
      asked.push(request.unexplained);
      return asked.length <= failing ? { kind: 'crashed', message: 'died' } : answersFor(request.texts);
    };
    const pool = { threads: 1, run, open: async () => {}, close: async () => {} } as unknown as WorkerPool;
    return { asked, classifier: new WorkerClassifier({ pool, model, attempts: 2, onCrash: () => {} }) };
  }

  test('is tried again without explanations: they must not cost a record its answer', async () => {
    const { asked, classifier } = classifierOn(2);
    const { answers } = await classifier.classify(['one', 'two']);
    assert.deepEqual(asked, [false, true, true, true]);
    assert.ok(answers.every(({ kind }) => kind === 'scored'));
  });

  test('or not: time that explanations take is not counted as waiting', async () => {
    const { classifier } = classifierOn(0);
    assert.equal((await classifier.classify(['one'])).timings.queueMs, 0);
  });
});
