import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { count, duration, oneLine, rate, shorten } from '../../src/demo/format.js';
import { renderScreen } from '../../src/demo/screen.js';
import type { DemoState, ShownLabel } from '../../src/demo/state.js';
import { LineView, progressLine, ScreenView } from '../../src/demo/views.js';

const food: ShownLabel = {
  text: 'how to make fries that taste like mcdonalds',
  tasks: [
    { task: 'moderation', label: 'rude', score: 0.08, labels: [] },
    { task: 'news', label: 'food', score: 0.941, labels: ['food'] },
  ],
};

const state: DemoState = {
  phase: 'running',
  live: true,
  broker: '127.0.0.1:9092',
  model: 'english',
  metricsUrl: 'http://127.0.0.1:9464/metrics',
  sent: 12_345,
  labelled: 12_000,
  rejected: 120,
  skipped: 119,
  textsPerSecond: 98.66,
  latencyMs: { p50: 17.4, p99: 1_234 },
  newest: Array.from({ length: 8 }, () => food),
};

describe('the screen', () => {
  test('shows the figures, the newest labels beside their texts, and where the metrics are', () => {
    const lines = renderScreen({ ...state, newest: [food] }, { columns: 100, rows: 30 });
    assert.deepEqual(
      lines.map(line => line.trimEnd()),
      [
        'siftline demo: running | model english | broker 127.0.0.1:9092',
        '',
        '  records in  labelled  rejected  skipped  texts/s  latency p50  p99',
        '  12,345      12,000    120       119      98.7     17 ms        1.2 s',
        '',
        '  newest                                                        moderation  news',
        '  how to make fries that taste like mcdonalds                   none        food 0.94',
        '',
        'metrics  http://127.0.0.1:9464/metrics',
        'Ctrl-C ends the demo',
      ],
    );
  });

  test('puts the answers below the texts where there is no room beside them', () => {
    const lines = renderScreen(state, { columns: 40, rows: 30 });
    const at = lines.findIndex(line => line.startsWith('  how to make'));
    assert.deepEqual(lines.slice(at - 1, at + 2), [
      '    moderation  news',
      '  how to make fries that taste like ...',
      '    none        food 0.94',
    ]);
  });

  test('fits every terminal: no line as wide, fewer lines than rows, never an answer without its text', () => {
    for (let columns = 1; columns <= 130; columns += 3) {
      for (let rows = 1; rows <= 40; rows++) {
        const lines = renderScreen(state, { columns, rows });
        assert.ok(lines.length < Math.max(2, rows), `${lines.length} lines in ${rows} rows`);
        assert.ok(lines.every(line => line.length < Math.max(2, columns)));
        if (columns < 40) continue;
        const texts = lines.filter(line => line.includes('how to make'));
        assert.equal(lines.filter(line => line.includes('food 0.94')).length, texts.length, `${columns} x ${rows}`);
      }
    }
  });

  test('shows that there is nothing yet', () => {
    const lines = renderScreen({ ...state, latencyMs: undefined, newest: [] }, { columns: 100, rows: 30 });
    assert.match(lines[3] ?? '', /98\.7 +- +-/);
    assert.equal(lines.length, 8);
  });

  test('offers nothing any more when it is the last one', () => {
    const lines = renderScreen({ ...state, live: false }, { columns: 100, rows: 30 });
    assert.ok(!lines.some(line => /metrics +http|Ctrl-C/.test(line)));
  });

  test('lets no control characters of a text through', () => {
    const nasty = { ...food, text: 'a\x1b[2Jb\r\nc\u009b31md\u202ee' };
    const lines = renderScreen({ ...state, newest: [nasty] }, { columns: 100, rows: 30 });
    assert.ok(lines.every(line => /^[^\p{Cc}\p{Cf}]*$/u.test(line)));
  });
});

describe('the view on a terminal', () => {
  test('goes back to where its frame begins and writes over it', () => {
    const terminal = Object.assign(new PassThrough(), { columns: 100, rows: 30 });
    const view = new ScreenView(terminal);
    const frame = renderScreen(state, terminal);
    view.show(state);
    assert.ok(written(terminal).startsWith('\rsiftline demo'), 'there is nothing to go back over');
    view.say('a line that stays');
    assert.ok(written(terminal).startsWith(`\x1b[${frame.length}A\ra line that stays\x1b[K\nsiftline demo`));
  });

  test('counts the rows that a narrower terminal has made of its lines', () => {
    const terminal = Object.assign(new PassThrough(), { columns: 100, rows: 30 });
    const view = new ScreenView(terminal);
    view.show(state);
    const rows = renderScreen(state, terminal).reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 40)), 0);
    written(terminal);
    terminal.columns = 40;
    view.show(state);
    assert.ok(written(terminal).startsWith(`\x1b[${rows}A`));
  });

  test('leaves its last frame where it is', () => {
    const terminal = Object.assign(new PassThrough(), { columns: 100, rows: 30 });
    const view = new ScreenView(terminal);
    view.show(state);
    view.leave(state);
    written(terminal);
    view.say('below');
    assert.equal(written(terminal), '\rbelow\x1b[K\n\x1b[J');
  });
});

describe('the view in lines', () => {
  test('says the figures when it is left, and not at every look', () => {
    const stream = new PassThrough();
    const view = new LineView(stream);
    for (let i = 0; i < 10; i++) view.show(state);
    view.leave(state);
    assert.equal(written(stream), `${progressLine(state)}\n`);
  });

  test('has all figures on one line', () => {
    assert.equal(
      progressLine(state),
      '12,345 records in, 12,000 labelled, 120 rejected, 119 skipped, 98.7 texts/s, p50 17 ms, p99 1.2 s',
    );
    assert.match(progressLine({ ...state, latencyMs: undefined }), /texts\/s$/);
  });
});

test('numbers and texts are put in few characters', () => {
  assert.deepEqual(
    [count(1_234.4), rate(99.94), rate(1_234.5), duration(999), duration(1_000)],
    ['1,234', '99.9', '1,235', '999 ms', '1.0 s'],
  );
  assert.deepEqual([shorten('abcdef', 6), shorten('abcdef', 5), shorten('abcdef', 2)], ['abcdef', 'ab...', 'ab']);
  assert.equal(oneLine(' a\n\tb '), 'a b');
});

function written(stream: PassThrough): string {
  return String(stream.read() ?? '');
}
