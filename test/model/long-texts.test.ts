import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Aggregate } from '../../src/model/aggregate.js';
import { type ModelFolder, readModelFolder } from '../../src/model/folder.js';
import { type LongTextOptions, longTextsOf } from '../../src/model/long-texts.js';
import { Model } from '../../src/model/model.js';
import { Session } from '../../src/model/session.js';
import { Tokenizer } from '../../src/model/tokenizer.js';
import { layOut } from '../../src/model/windows.js';
import type { Task } from '../../src/ports.js';
import { fixtureModel, type LongCase, longReference, reference, shippedModel } from '../support/models.js';

const SMALL = ['bert-single', 'bert-multi', 'bert-one-logit', 'bert-two-tasks', 'distilbert', 'roberta', 'xlmr'];
/** With the position tables of the models people use: 512, and RoBERTa's 514 of which 512 can be used. */
const FULL_SIZE = ['bert-512', 'roberta-514'];
const FAMILIES = [...SMALL, ...FULL_SIZE];

const WINDOWS: LongTextOptions = { longTexts: 'windows', windowStrideTokens: 8, maxWindows: 32 };

/** Asks for more tokens than the small models have positions: the folder sees to it that no text has as many. */
function folderOf(name: string, maxTokens = 512): Promise<ModelFolder> {
  return readModelFolder({ path: fixtureModel(name), maxTokens, verify: true });
}

function tokenizerOf(folder: string, maxTokens: number): Tokenizer {
  return new Tokenizer(JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8')), maxTokens);
}

/** Opens a model that reads long texts in windows, and closes it after the test. */
async function open(t: { after(fn: () => Promise<void>): void }, name: string, options: Partial<LongTextOptions> = {}) {
  const folder = await folderOf(name);
  const model = await Model.open(folder, longTextsOf({ ...WINDOWS, ...options }, folder.info));
  t.after(() => model.close());
  return { folder, model };
}

function assertScores(actual: ArrayLike<number>, expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  expected.forEach((score, i) =>
    assert.ok(Math.abs(score - (actual[i] ?? Number.NaN)) < 1e-3, `${what}: score ${i} is ${actual[i]}, not ${score}`),
  );
}

function waysOf(tasks: readonly Task[]): Aggregate[] {
  return tasks.some(({ activation }) => activation === 'sigmoid') ? ['max', 'mean', 'noisy-or'] : ['max', 'mean'];
}

/** Noisy-or is not for softmax tasks: beside it they take the max. */
function wayOf({ activation }: Pick<Task, 'activation'>, how: Aggregate): Aggregate {
  return how === 'noisy-or' && activation === 'softmax' ? 'max' : how;
}

/** The text's scores from its windows' by the plainest means: what Python's numbers should come to. */
function combined(
  { folder, stride }: { folder: ModelFolder; stride: number },
  one: LongCase,
  how: Aggregate,
): number[] {
  return folder.info.tasks.flatMap(({ labels, activation }, t) => {
    const rows = one.scores.map(scores => Object.values(Object.values(scores)[t] ?? {}));
    const added = one.windows.map((ids, w) => ids.length - 2 - (w === 0 ? 0 : stride));
    const all = added.reduce((sum, n) => sum + n, 0);
    const way = wayOf({ activation }, how);
    const tops = rows.map(row => Math.max(...row));
    return labels.map((_, l) => {
      const column = rows.map(row => row[l] ?? Number.NaN);
      if (way === 'mean') return column.reduce((sum, p, w) => sum + (p * (added[w] ?? 0)) / all, 0);
      if (way === 'noisy-or') return 1 - column.reduce((none, p) => none * (1 - p), 1);
      return activation === 'sigmoid' ? Math.max(...column) : (column[tops.indexOf(Math.max(...tops))] ?? Number.NaN);
    });
  });
}

/** For every task: the window in which the top label of the mean scores highest. */
function decidingIn(one: LongCase, { folder, stride }: { folder: ModelFolder; stride: number }) {
  const means = combined({ folder, stride }, one, 'mean');
  return folder.info.tasks.map(({ labels }, t) => {
    const own = means.splice(0, labels.length);
    const top = own.indexOf(Math.max(...own));
    const column = one.scores.map(scores => Object.values(Object.values(scores)[t] ?? {})[top] ?? 0);
    const index = column.indexOf(Math.max(...column));
    const fromToken = index * (62 - stride);
    return { index, fromToken, toToken: fromToken + (one.windows[index]?.length ?? 0) - 2 };
  });
}

for (const name of FAMILIES) {
  const { maxTokens, stride, cases } = longReference(name);
  const texts = cases.map(({ text }) => text);
  const { tasks } = (await folderOf(name)).info;

  describe(`a ${name} model and texts of ${maxTokens - 2} to ${maxTokens + 2} tokens and more`, () => {
    test('takes as many tokens as it has positions for', async () => {
      assert.equal((await folderOf(name)).info.maxTokens, maxTokens);
    });

    test('cuts them into the windows the Rust library cuts them into', () => {
      const tokenizer = tokenizerOf(fixtureModel(name), maxTokens);
      for (const { text, windows } of cases) {
        const { ids, long, truncated } = tokenizer.encodeWindows(text, { stride, maxWindows: 32 });
        assert.deepEqual(long?.windows.map(window => window.ids) ?? [ids], windows);
        assert.deepEqual([ids, truncated], [windows[0], false]);
      }
    });

    test('truncates them to the first window, and says which were cut off', async t => {
      const folder = await folderOf(name);
      const model = await Model.open(folder);
      t.after(() => model.close());
      const { scores, tokens, truncated, windows } = await model.classify(texts, 512);
      assertScores(
        scores,
        cases.flatMap(one => scoresOfWindow(one, 0)),
        'truncated',
      );
      assert.deepEqual(
        [...tokens],
        cases.map(one => one.windows[0]?.length),
      );
      assert.deepEqual(
        [...truncated],
        cases.map(one => Number(one.windows.length > 1)),
      );
      assert.equal(windows.size, 0);
    });

    for (const how of waysOf(tasks)) {
      test(`scores them by the ${how} of their windows`, async t => {
        const aggregate = Object.fromEntries(tasks.map(task => [task.name, wayOf(task, how)]));
        const { folder, model } = await open(t, name, { windowStrideTokens: stride, aggregate });
        const { scores, truncated, tokens, windows } = await model.classify(texts, 512);
        assertScores(
          scores,
          cases.flatMap(one => combined({ folder, stride }, one, how)),
          how,
        );
        assert.deepEqual([...truncated], [0, 0, 0, 0, 0, 0]);
        assert.deepEqual(
          [...tokens],
          [-2, -1, 0, 1, 2, (maxTokens * 3) / 2].map(more => maxTokens + more),
        );
        assert.deepEqual([...windows.keys()], [3, 4, 5]);
        assert.equal(windows.get(5)?.count, 3);
      });
    }
  });
}

function scoresOfWindow({ scores }: LongCase, window: number): number[] {
  return Object.values(scores[window] ?? {}).flatMap(labels => Object.values(labels));
}

describe('reading long texts in windows', () => {
  test('changes nothing for texts that fit: same scores to the last bit, same runs', async t => {
    for (const name of SMALL) {
      const texts = reference(name)
        .cases.filter(({ truncated }) => !truncated)
        .map(({ text }) => text);
      const { folder, model } = await open(t, name);
      const truncating = await Model.open(folder);
      t.after(() => truncating.close());
      const [a, b] = [await model.classify(texts, 512), await truncating.classify(texts, 512)];
      assert.deepEqual(a.scores, b.scores);
      assert.deepEqual([a.tokens, a.paddedTokens, a.windows], [b.tokens, b.paddedTokens, b.windows]);
    }
  });

  test('names for every task the window that decided, by its tokens', async t => {
    const { folder, model } = await open(t, 'bert-two-tasks', { aggregate: { moderation: 'mean', topic: 'mean' } });
    const { cases, stride } = longReference('bert-two-tasks');
    const { windows } = await model.classify(
      cases.map(({ text }) => text),
      512,
    );
    const told = cases.flatMap((one, row) => {
      if (one.windows.length === 1) return [];
      const { count, deciding } = windows.get(row) ?? assert.fail(`text ${row} has no windows`);
      assert.equal(count, one.windows.length);
      assert.deepEqual(deciding, decidingIn(one, { folder, stride }));
      return deciding.map(({ index }) => index);
    });
    assert.ok(new Set(told).size > 1, `all are ${told[0]}`);
  });

  test('by default takes the highest of a sigmoid task and the mean of a softmax one', async () => {
    const { info } = await folderOf('bert-two-tasks');
    assert.deepEqual(longTextsOf(WINDOWS, info)?.aggregates, ['max', 'mean']);
    const aggregate = { topic: 'max' } as const;
    assert.deepEqual(longTextsOf({ ...WINDOWS, aggregate }, info)?.aggregates, ['max', 'max']);
    assert.equal(longTextsOf({ ...WINDOWS, longTexts: 'truncate' }, info), undefined);
  });

  test('lets windows of several texts share runs', async t => {
    const { model } = await open(t, 'bert-single');
    const run = t.mock.method(Session.prototype, 'run');
    const text = longReference('bert-single').cases[3]?.text ?? '';
    const answers = await model.classify(Array(8).fill(text), 512);
    assert.deepEqual(
      run.mock.calls.map(call => call.arguments[0]?.shape),
      [
        [8, 12],
        [8, 64],
      ],
    );
    assert.deepEqual([answers.engineTokens, answers.paddedTokens], [600, 608]);
    assert.deepEqual([...answers.tokens], Array(8).fill(65));
  });

  test('reads no more windows than allowed, and says that the rest is cut off', async t => {
    const { model } = await open(t, 'bert-single', { maxWindows: 2 });
    const [short, exact, long] = [64, 62 + 54 + 2, 62 + 54 + 3].map(n => 'the '.repeat(n - 2));
    const { tokens, truncated, windows } = await model.classify([short ?? '', exact ?? '', long ?? ''], 512);
    assert.deepEqual([...tokens], [64, 118, 118]);
    assert.deepEqual([...truncated], [0, 0, 1]);
    assert.deepEqual([windows.get(1)?.count, windows.get(2)?.count], [2, 2]);
  });

  test('with one window allowed is cutting off', async t => {
    const { model } = await open(t, 'roberta', { maxWindows: 1 });
    const { cases } = reference('roberta');
    const { scores, truncated, windows } = await model.classify(
      cases.map(({ text }) => text),
      512,
    );
    assertScores(
      scores,
      cases.flatMap(one => Object.values(one.scores).flatMap(labels => Object.values(labels))),
      'one window',
    );
    assert.deepEqual(
      [...truncated],
      cases.map(one => Number(one.truncated)),
    );
    assert.equal(windows.size, 0);
  });

  test('gives up on a text one of whose windows has no finite score, and on no other', async t => {
    const { model } = await open(t, 'bert-single');
    const run = Session.prototype.run;
    t.mock.method(Session.prototype, 'run', async function (this: Session, inputs: Parameters<typeof run>[0]) {
      const outputs = await run.call(this, inputs);
      const logits = outputs.logits ?? assert.fail('no logits');
      const [rows, width] = inputs.shape;
      const isFull = (row: number) => inputs.mask[(row + 1) * width - 1] === 1n;
      // The rest of `twoMore`; that of `oneMore` is padded to the same width.
      for (let row = 0; width === 12 && row < rows; row++) {
        if (isFull(row)) logits[((row + 1) * logits.length) / rows - 1] = Number.NaN;
      }
      return outputs;
    });
    const [, , fits, oneMore, twoMore] = longReference('bert-single').cases.map(({ text }) => text);
    const answers = await model.classify([fits ?? '', twoMore ?? '', oneMore ?? '', 'short'], 24);
    assert.deepEqual([...answers.failures], [[1, 'INFERENCE_FAILED']]);
    assert.deepEqual([...answers.windows.keys()], [2]);
    assert.ok(answers.scores.every(Number.isFinite) && answers.scores.length === 12);
  });

  test('does not touch the golden samples: they were cut off when they were made', async t => {
    const folder = await readModelFolder({ path: fixtureModel('bert-two-tasks'), maxTokens: 64, verify: true });
    const cut = reference('bert-two-tasks').cases.at(-2);
    assert.equal(cut?.truncated, true);
    const golden = [{ text: cut?.text ?? '', scores: cut?.scores ?? {} }];
    const aggregate = { moderation: 'noisy-or', topic: 'mean' } as const;
    const model = await Model.open({ ...folder, golden }, longTextsOf({ ...WINDOWS, aggregate }, folder.info));
    t.after(() => model.close());
    await model.prove(512);
  });
});

test('a batch in which every text fits is laid out as it is, without a copy', () => {
  const encoded = [
    { ids: [1, 2], truncated: false },
    { ids: [1], truncated: true },
  ];
  assert.equal(layOut(encoded).inputs, encoded);
});

describe('settings that do not fit the model', () => {
  const CASES: ReadonlyArray<readonly [string, Partial<LongTextOptions>, string, RegExp]> = [
    ['a task it does not have', { aggregate: { topics: 'mean' } }, 'AGGREGATE_UNKNOWN', /"topics".*moderation, topic$/],
    ['noisy-or where one label holds', { aggregate: { topic: 'noisy-or' } }, 'AGGREGATE_UNFIT', /max or mean$/],
    [
      'an overlap of more than half',
      { windowStrideTokens: 33 },
      'WINDOW_STRIDE',
      /33 is more than half of the 64.* 32$/,
    ],
  ];
  for (const [what, options, code, message] of CASES) {
    test(`${what} stop the start`, async () => {
      const { info } = await folderOf('bert-two-tasks');
      assert.throws(() => longTextsOf({ ...WINDOWS, ...options }, info), { code, message, exitCode: 3 });
    });
  }
});

describe('a text of any length', () => {
  const windows = { stride: 32, maxWindows: 32 };
  const TEXTS: Readonly<Record<string, string>> = {
    words: 'word '.repeat(200_000),
    'one word': 'a'.repeat(1_000_000),
    Chinese: '新闻'.repeat(300_000),
    'long words': 'antidisestablishmentarianism '.repeat(30_000),
    spaces: `${' '.repeat(500_000)}end`,
  };

  for (const name of ['bert-512', 'roberta-514', 'xlmr']) {
    test(`costs the ${name} tokenizer no more than its windows do`, () => {
      const tokenizer = tokenizerOf(fixtureModel(name), 512);
      for (const [what, text] of Object.entries(TEXTS)) {
        const { long } = tokenizer.encodeWindows(text, windows);
        assert.ok((long?.tokens ?? 0) <= 510 + 31 * 478 + 2, `${what}: ${long?.tokens} tokens`);
        assert.ok((long?.windows.length ?? 1) <= 32);
      }
    });
  }

  test('has the windows it would have had all of it been tokenised', () => {
    const [tokenizer, whole] = [64, 10_000_000].map(maxTokens => tokenizerOf(shippedModel('english'), maxTokens));
    const texts = ['word and '.repeat(5_000), '新闻。'.repeat(5_000), 'antidisestablishmentarianism '.repeat(3_000)];
    for (const text of texts) {
      const all = whole?.encode(text).ids.slice(1, -1) ?? [];
      const { long, truncated } = tokenizer?.encodeWindows(text, windows) ?? assert.fail();
      assert.equal(truncated, true);
      long?.windows.forEach(({ from, to, ids }) => assert.deepEqual(ids.slice(1, -1), all.slice(from, to)));
    }
  });
});
