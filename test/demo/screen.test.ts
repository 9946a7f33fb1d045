import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { count, duration, feedText, oneLine, rate, rowsOf, shorten, wrap } from '../../src/demo/format.js';
import { type DemoState, renderScreen, type ShownLabel, type StreamState } from '../../src/demo/screen.js';
import { LineView, progressLine, ScreenView, sampleLines } from '../../src/demo/views.js';
import { ExitCode, SiftlineError } from '../../src/errors.js';
import { displayWidth, padEnd } from '../../src/observe/table.js';

const food: ShownLabel = {
  text: 'how to make fries that taste like mcdonalds',
  tasks: [
    { task: 'moderation', label: 'rude', score: 0.08, labels: [] },
    { task: 'news', label: 'food', score: 0.941, labels: ['food'] },
  ],
};

const breakfast: ShownLabel = {
  text: '很不错的一家酒店，早餐很丰盛，晚上还送水果和小点心，服务也不错。',
  tasks: [
    { task: 'sentiment', label: 'positive', score: 0.98, labels: ['positive'] },
    { task: 'topic', label: 'travel', score: 0.731, labels: ['travel'] },
  ],
};

const english: StreamState = {
  name: 'english',
  phase: 'running',
  live: true,
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

const chinese: StreamState = {
  ...english,
  name: 'chinese',
  model: 'multilingual',
  metricsUrl: 'http://127.0.0.1:9465/metrics',
  sent: 4_115,
  labelled: 4_000,
  latencyMs: undefined,
  newest: Array.from({ length: 8 }, () => breakfast),
};

/** The demo with the English stream alone, with these things different. */
function alone(changes: Partial<StreamState> = {}): DemoState {
  return { broker: '127.0.0.1:9092', streams: [{ ...english, ...changes }], failed: [], feed: undefined };
}

const state = alone();
const both: DemoState = { broker: '127.0.0.1:9092', streams: [english, chinese], failed: [], feed: undefined };

const refused = new SiftlineError({
  code: 'MODEL_CHANGED',
  message: 'the model is another one; bring the old one back',
  exitCode: ExitCode.model,
});
/** The English stream alone, since the Chinese one did not start, at a rate that was measured. */
const halved: DemoState = {
  ...state,
  failed: [{ name: 'chinese', error: refused }],
  feed: { perSecond: 43.27, share: 0.577, measured: true },
};

describe('the screen', () => {
  test('shows the figures, the newest labels beside their texts, and where the metrics are', () => {
    const lines = renderScreen(alone({ newest: [food] }), { columns: 100, rows: 30 });
    assert.deepEqual(
      lines.map(line => line.trimEnd()),
      [
        'siftline demo: running | model english | broker 127.0.0.1:9092',
        '',
        '  records  labelled  rejected  skipped  texts/s  latency p50  p99',
        '  12,345   12,000    120       119      98.7     17 ms        1.2 s',
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

  test('shows two streams below one another, each with its figures and labels', () => {
    const streams = [
      { ...english, newest: [food] },
      { ...chinese, newest: [breakfast, breakfast] },
    ];
    const lines = renderScreen({ ...both, streams }, { columns: 100, rows: 30 });
    assert.deepEqual(
      lines.map(line => line.trimEnd()),
      [
        'siftline demo: running | models english, multilingual | broker 127.0.0.1:9092',
        '',
        '           records  labelled  rejected  skipped  texts/s  latency p50  p99',
        '  english  12,345   12,000    120       119      98.7     17 ms        1.2 s',
        '  chinese  4,115    4,000     120       119      98.7     -            -',
        '',
        '  newest english                                                moderation  news',
        '  how to make fries that taste like mcdonalds                   none        food 0.94',
        '',
        '  newest chinese                                                sentiment      topic',
        '  很不错的一家酒店，早餐很丰盛，晚上还送水果和小点心，服务...   positive 0.98  travel 0.73',
        '  很不错的一家酒店，早餐很丰盛，晚上还送水果和小点心，服务...   positive 0.98  travel 0.73',
        '',
        'metrics  http://127.0.0.1:9464/metrics  http://127.0.0.1:9465/metrics',
        'Ctrl-C ends the demo',
      ],
    );
  });

  test('gives two streams the same room', () => {
    const lines = renderScreen(both, { columns: 100, rows: 24 });
    const [english, chinese] = ['food 0.94', 'travel 0.73'].map(
      label => lines.filter(line => line.includes(label)).length,
    );
    assert.deepEqual([lines.length, english, chinese], [22, 5, 5]);
  });

  test('has room for the figures of two streams as rows on a terminal of 80 columns', () => {
    const slow = both.streams.map(stream => ({ ...stream, sent: 123_456, latencyMs: { p50: 100, p99: 100 } }));
    const lines = renderScreen({ ...both, streams: slow }, { columns: 80, rows: 24 });
    assert.match(lines[3] ?? '', /^ {2}english {2}123,456 .* 100 ms$/);
  });

  test('puts the figures of two streams into columns where the rows are too long', () => {
    const lines = renderScreen(both, { columns: 60, rows: 30 });
    assert.deepEqual(lines.slice(2, 5), [
      '               english  chinese',
      '  records      12,345   4,115',
      '  labelled     12,000   4,000',
    ]);
  });

  test('says which stream is where when they are not at the same point', () => {
    const streams = [english, { ...chinese, phase: 'siftline drains' }];
    const [title] = renderScreen({ ...both, streams }, { columns: 120, rows: 30 });
    assert.equal(
      title,
      'siftline demo: english running, chinese siftline drains | models english, multilingual | broker 127.0.0.1:9092',
    );
  });

  const screens: ReadonlyArray<readonly [what: string, shown: DemoState]> = [
    ['one stream', state],
    ['two streams', both],
    ['one stream of two', halved],
  ];
  for (const [what, shown] of screens) {
    test(`fits ${what} on every terminal: no line as wide, fewer lines than rows, never an answer without its text`, () => {
      for (let columns = 1; columns <= 130; columns += 3) {
        for (let rows = 1; rows <= 40; rows++) {
          const lines = renderScreen(shown, { columns, rows });
          assert.ok(lines.length < Math.max(2, rows), `${lines.length} lines in ${rows} rows`);
          assert.ok(lines.every(line => displayWidth(line) < Math.max(2, columns)));
          if (columns < 50) continue;
          const having = (part: string) => lines.filter(line => line.includes(part)).length;
          assert.equal(having('food 0.94'), having('how to make'), `${columns} x ${rows}`);
          assert.equal(having('travel 0.73'), having('很不错的'), `${columns} x ${rows}`);
        }
      }
    });
  }

  test('says which stream could not start and the way out, and at what rate the other one is fed', () => {
    const lines = renderScreen({ ...halved, streams: [{ ...english, newest: [food] }] }, { columns: 80, rows: 30 });
    assert.deepEqual(lines.slice(0, 4), [
      'siftline demo: running | model english | broker 127.0.0.1:9092',
      'chinese cannot start: MODEL_CHANGED: the model is another one; bring the old',
      'one back',
      '',
    ]);
    assert.deepEqual(lines.slice(-4), [
      '',
      "feed     fed 43.3 records/s, measured: 65 % of this machine's limit",
      'metrics  http://127.0.0.1:9464/metrics',
      'Ctrl-C ends the demo',
    ]);
  });

  test('shows eight labels at most, as wide as these are', () => {
    const long = { ...food, tasks: food.tasks.map(task => ({ ...task, label: 'x'.repeat(60) })) };
    const newest = [...Array.from({ length: 8 }, () => food), long, food];
    const lines = renderScreen(alone({ newest }), { columns: 100, rows: 50 });
    assert.equal(lines.filter(line => line.includes('food 0.94')).length, 8);
    assert.deepEqual(lines, renderScreen(alone({ newest: newest.slice(0, 8) }), { columns: 100, rows: 50 }));
  });

  test('shows that there is nothing yet', () => {
    const lines = renderScreen(alone({ latencyMs: undefined, newest: [] }), { columns: 100, rows: 30 });
    assert.match(lines[3] ?? '', /98\.7 +- +-/);
    assert.equal(lines.length, 8);
  });

  test('offers nothing any more when it is the last one', () => {
    const lines = renderScreen(alone({ live: false }), { columns: 100, rows: 30 });
    assert.ok(!lines.some(line => /metrics +http|Ctrl-C/.test(line)));
  });

  test('lets no control characters of a text through', () => {
    const nasty = { ...food, text: 'a\x1b[2Jb\r\nc\u009b31md\u202ee' };
    const lines = renderScreen(alone({ newest: [nasty] }), { columns: 100, rows: 30 });
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

  test('counts the rows of wide characters, of which one less fits a row of odd width', () => {
    const terminal = Object.assign(new PassThrough(), { columns: 100, rows: 30 });
    const view = new ScreenView(terminal);
    const frame = renderScreen(both, terminal);
    view.show(both);
    written(terminal);
    terminal.columns = 41;
    view.show(both);
    const rows = frame.reduce((sum, line) => sum + rowsOf(line, 41), 0);
    assert.ok(rows > frame.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 41)), 0));
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
  function view() {
    const stream = new PassThrough();
    const clock = { ms: 0 };
    return { view: new LineView(stream, () => clock.ms), clock, said: () => written(stream) };
  }
  const sample = sampleLines(english)
    .map(line => `${line}\n`)
    .join('');

  test('says the figures when it is left', () => {
    const { view: lines, said } = view();
    lines.leave(state);
    assert.equal(said(), `${progressLine(english)}\n`);
  });

  test('says a line for each of two streams, with its name', () => {
    const { view: lines, said } = view();
    lines.leave(both);
    assert.equal(said(), `english: ${progressLine(english)}\nchinese: ${progressLine(chinese)}\n`);
  });

  test('says whose line it is where another stream could not start', () => {
    const { view: lines, said } = view();
    lines.leave(halved);
    assert.equal(said(), `english: ${progressLine(english)}\n`);
  });

  test('shows a sample of the labels with the figures, the first at once and then every three seconds', () => {
    const { view: lines, clock, said } = view();
    lines.show(state);
    assert.equal(said(), `${progressLine(english)}\n${sample}`);
    const later = alone({ sent: 12_500 });
    for (clock.ms = 500; clock.ms < 3_000; clock.ms += 500) lines.show(later);
    assert.equal(said(), '');
    lines.show(later);
    assert.match(said(), /^12,500 records in.*\n {4}how to make/);
  });

  test('says what a stream does before it is fed, once', () => {
    const { view: lines, clock, said } = view();
    const loading = alone({ sent: 0, newest: [], phase: 'siftline loads the model' });
    for (; clock.ms < 20_000; clock.ms += 500) lines.show(loading);
    assert.equal(said(), 'siftline loads the model\n');
  });

  test('samples the newest label and, before it, the one with the most answers', () => {
    const insult: ShownLabel = {
      text: `you are a complete\x1b[31m idiot and nobody ${'really '.repeat(9)}likes you`,
      tasks: [
        { task: 'moderation', label: 'toxic', score: 0.957, labels: ['toxic'] },
        { task: 'news', label: 'food', score: 0.3, labels: ['food'] },
      ],
    };
    const silent = { ...food, tasks: food.tasks.map(task => ({ ...task, labels: [] })) };
    assert.deepEqual(sampleLines({ newest: [food, food, insult, food] }), [
      '    you are a complete\ufffd[31m idiot and nobody really...  moderation: toxic 0.96, news: food 0.30',
      '    how to make fries that taste like mcdonalds         news: food 0.94',
    ]);
    assert.deepEqual(sampleLines({ newest: [silent] }), [
      '    how to make fries that taste like mcdonalds         no label',
    ]);
    assert.deepEqual(sampleLines({ newest: [] }), []);
  });

  test('has all figures on one line', () => {
    assert.equal(
      progressLine(english),
      '12,345 records in, 12,000 labelled, 120 rejected, 119 skipped, 98.7 texts/s, p50 17 ms, p99 1.2 s',
    );
    assert.match(progressLine({ ...english, latencyMs: undefined }), /texts\/s$/);
  });
});

test('the rate of the feed is said with where it is from', () => {
  assert.deepEqual(
    [
      feedText({ perSecond: 0, share: 1, measured: false }),
      feedText({ perSecond: 250, share: 1, measured: false }),
      feedText({ perSecond: 100, share: 1, measured: true }),
      feedText({ perSecond: 3.25, share: 0.0325, measured: true }),
    ],
    [
      'fed as fast as siftline reads records',
      'fed 250 records/s, not measured',
      'fed 100 records/s, measured: this machine can do more',
      "fed 3.3 records/s, measured: 65 % of this machine's limit",
    ],
  );
});

test('a sentence is wrapped between its words', () => {
  assert.deepEqual(wrap('one two three', 7), ['one two', 'three']);
  assert.deepEqual(wrap('unbreakable', 6), ['unb...']);
  assert.deepEqual(wrap('早餐 很好', 5), ['早餐', '很好']);
});

test('numbers and texts are put in few characters', () => {
  assert.deepEqual(
    [count(1_234.4), rate(99.94), rate(1_234.5), duration(999), duration(1_000)],
    ['1,234', '99.9', '1,235', '999 ms', '1.0 s'],
  );
  assert.deepEqual([shorten('abcdef', 6), shorten('abcdef', 5), shorten('abcdef', 2)], ['abcdef', 'ab...', 'ab']);
  assert.equal(oneLine(' a\n\tb '), 'a b');
});

describe('the width of a text', () => {
  const widths: ReadonlyArray<readonly [text: string, width: number]> = [
    ['', 0],
    ['abc', 3],
    ['早餐很好。', 10],
    ['Ａ，（）！', 10],
    ['カナ한글', 8],
    ['ｶﾅ', 2],
    ['cafe\u0301', 4],
    ['\u{20000}', 2],
    ['ok 👍', 5],
    ['“…” é ©', 7],
  ];
  for (const [text, width] of widths) {
    test(`"${text}" is ${width} columns`, () => assert.equal(displayWidth(text), width));
  }

  test('is what a text is shortened and filled up to, without half a character', () => {
    assert.deepEqual(
      [6, 7, 8, 9, 10].map(width => shorten('早餐很好。', width)),
      ['早...', '早餐...', '早餐...', '早餐很...', '早餐很好。'],
    );
    assert.deepEqual([shorten('早餐', 1), shorten('早餐', 2), shorten('早餐', 0)], ['', '早', '']);
    assert.deepEqual([padEnd('早餐', 6), padEnd('早餐', 3), padEnd('ab', 3)], ['早餐  ', '早餐', 'ab ']);
  });

  test('decides over how many rows a line wraps', () => {
    assert.deepEqual(
      [rowsOf('', 5), rowsOf('abcde', 5), rowsOf('abcdef', 5), rowsOf('早餐很好', 4), rowsOf('早餐很好', 5)],
      [1, 1, 2, 2, 2],
    );
    assert.equal(rowsOf('早餐很好早', 5), 3, 'nine columns would do for two rows, were the characters not of two');
  });
});

function written(stream: PassThrough): string {
  return String(stream.read() ?? '');
}
