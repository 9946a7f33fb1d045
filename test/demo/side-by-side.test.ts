import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DemoState, StreamState } from '../../src/demo/screen.js';
import { SideBySide, type SideBySideOptions, type StreamEnd, type StreamRun } from '../../src/demo/side-by-side.js';
import { Tally } from '../../src/demo/tally.js';
import type { View } from '../../src/demo/views.js';
import type { Burst } from '../../src/demo/warm-up.js';
import { ExitCode, SiftlineError } from '../../src/errors.js';

const failure = new SiftlineError({ code: 'OUT_OF_LUCK', message: 'no luck left', exitCode: ExitCode.check });

const soon = () => new Promise(resolve => setTimeout(resolve, 5));

/** A promise that the test settles. */
class Later<T> {
  resolve: (value: T) => void = () => {};
  reject: (error: unknown) => void = () => {};
  readonly promise = new Promise<T>((resolve, reject) => {
    [this.resolve, this.reject] = [resolve, reject];
  });
}

/** A stream that does what it is told, and notes what is done to it. */
class FakeRun implements StreamRun {
  readonly name: string;
  readonly log: string[];
  rate = 50;
  answers = true;
  toSpare = Number.POSITIVE_INFINITY;
  readonly opened = new Later<void>();
  readonly ended = new Later<StreamEnd>();

  constructor(name: string, log: string[]) {
    this.name = name;
    this.log = log;
  }

  open(): Promise<void> {
    this.log.push(`${this.name} opens`);
    return this.opened.promise;
  }

  async burst(records: number): Promise<Burst> {
    this.log.push(`${this.name} warms up`);
    if (!this.answers) throw failure;
    await soon();
    const fed = Math.min(records, this.toSpare);
    this.toSpare -= fed;
    return { fed, answered: fed };
  }

  run(share: number): Promise<StreamEnd> {
    this.log.push(`${this.name} runs${share === 1 ? '' : ` at ${share}`}`);
    return this.ended.promise;
  }

  async close(): Promise<void> {
    this.log.push(`${this.name} closes`);
    setTimeout(() => this.#giveUp(), 5);
  }

  state(): StreamState {
    const counts = { sent: 0, labelled: 0, rejected: 0, skipped: 0, textsPerSecond: 0 };
    return {
      ...counts,
      name: this.name,
      model: this.name,
      phase: 'running',
      live: true,
      metricsUrl: '',
      latencyMs: undefined,
      newest: [],
    };
  }

  done(consumed: number, complete = true): void {
    const counts = { consumed, labelled: consumed, rejected: 0, skipped: 0 };
    this.ended.resolve({ result: { ...counts, textsPerSecond: 1, latencyMs: { p50: 1, p99: 2 } }, complete });
  }

  #giveUp(): void {
    this.log.push(`${this.name} gives up`);
    const late = new Error(`${this.name} was closed`);
    this.opened.reject(late);
    this.ended.reject(late);
  }
}

function start(...names: string[]) {
  return startWith({}, ...names);
}

function startWith({ failed = [], measure = false }: Partial<SideBySideOptions>, ...names: string[]) {
  const log: string[] = [];
  const runs = names.map(name => new FakeRun(name, log));
  for (const { opened, ended } of runs) for (const { promise } of [opened, ended]) promise.catch(() => {});
  const left: DemoState[] = [];
  const said: string[] = [];
  const view: View = { say: line => said.push(line), show: () => {}, leave: state => left.push(state) };
  const total = new Tally(0);
  const end = new SideBySide({ runs, failed, measure, broker: 'here', view, total }).run();
  const [one, other] = runs as [FakeRun, FakeRun];
  return { log, one, other, left, said, total, end };
}

describe('streams side by side', () => {
  test('are opened together, and none is fed before all are ready', async () => {
    const { log, one, other, end } = start('one', 'other');
    assert.deepEqual(log, ['one opens', 'other opens']);
    one.opened.resolve();
    await soon();
    assert.equal(log.length, 2);
    other.opened.resolve();
    await soon();
    assert.deepEqual(log.slice(2), ['one runs', 'other runs']);
    one.done(3);
    other.done(1);
    await end;
  });

  test('end with the totals and with the figures of each', async () => {
    const { one, other, left, total, end } = start('one', 'other');
    total.window({ consumed: 4, labelled: 4, rejected: 0, skipped: 0, revoked: 0 });
    for (const run of [one, other]) run.opened.resolve();
    one.done(3);
    other.done(1);
    const { result, complete } = await end;
    assert.equal(complete, true);
    assert.equal(result.consumed, 4);
    assert.deepEqual(result.failed, {});
    assert.deepEqual([result.streams.one?.consumed, result.streams.other?.consumed], [3, 1]);
    assert.deepEqual(
      left.map(({ streams }) => streams.map(({ name }) => name)),
      [['one', 'other']],
      'the last picture has both, and is drawn once',
    );
  });

  test('are complete only when each of them is', async () => {
    const { one, other, end } = start('one', 'other');
    for (const run of [one, other]) run.opened.resolve();
    one.done(3);
    other.done(1, false);
    assert.equal((await end).complete, false);
  });

  test('go on without one that does not start, which is said at once with the way on, and is in the result', async () => {
    const { log, one, other, left, said, end } = start('one', 'other');
    other.opened.reject(failure);
    await soon();
    assert.deepEqual(said, [
      'other cannot start: OUT_OF_LUCK: no luck left; one goes on (give --stream one to show it alone)',
    ]);
    assert.deepEqual(log.slice(2), ['other closes'], 'while one is not ready yet');
    one.opened.resolve();
    one.done(3);
    const { result, complete } = await end;
    assert.ok(complete);
    assert.deepEqual(Object.keys(result.streams), ['one']);
    assert.deepEqual(result.failed, { other: { code: 'OUT_OF_LUCK', message: 'no luck left' } });
    assert.ok(!log.includes('other runs'));
    assert.deepEqual([left[0]?.streams.map(({ name }) => name), left[0]?.failed[0]?.name], [['one'], 'other']);
  });

  test('throw the failure of the last one when none can start, after the other was said', async () => {
    const { log, one, other, said, end } = start('one', 'other');
    one.opened.reject(new SiftlineError({ code: 'NO_ONE', message: 'not here', exitCode: ExitCode.model }));
    await soon();
    other.opened.reject(failure);
    await assert.rejects(end, { code: 'OUT_OF_LUCK', message: 'other: no luck left', exitCode: ExitCode.check });
    assert.match(said[0] ?? '', /^one cannot start: NO_ONE: not here/);
    assert.equal(said.length, 1);
    assert.ok(log.includes('other closes') && !log.some(line => line.endsWith('runs')));
  });

  test('have those in the result that were known not to start', async () => {
    const { one, left, end } = startWith({ failed: [{ name: 'gone', error: failure }] }, 'one');
    one.opened.resolve();
    one.done(1);
    assert.deepEqual(Object.keys((await end).result.failed), ['gone']);
    assert.equal(left[0]?.failed.length, 1);
  });

  test('warm up together when all are ready, and are fed at the share that was measured', async () => {
    const { log, one, other, left, said, end } = startWith({ measure: true }, 'one', 'other');
    for (const run of [one, other]) run.opened.resolve();
    one.done(1);
    other.done(1);
    const { result } = await end;
    assert.deepEqual(log.slice(0, 4), ['one opens', 'other opens', 'one warms up', 'other warms up']);
    assert.ok(log.includes('one runs') && log.includes('other runs'), 'a fast machine is fed all that was asked for');
    assert.deepEqual(result.feed, { perSecond: 100, measured: true });
    assert.equal(left[0]?.feed?.perSecond, 100);
    assert.deepEqual(said, ['fed 100 records/s, measured: this machine can do more']);
  });

  test('are fed less than was asked for where the machine does not take it', async () => {
    const { log, one, end } = startWith({ measure: true }, 'one');
    [one.rate, one.toSpare] = [1e6, 8];
    one.opened.resolve();
    one.done(1);
    const { feed } = (await end).result;
    assert.ok(feed.measured && feed.perSecond < 1e4, `${feed.perSecond}`);
    assert.ok(log.some(line => /^one runs at 0\.00\d+$/.test(line)));
  });

  test('are fed as was asked for without a warm-up', async () => {
    const { log, one, end } = start('one');
    one.opened.resolve();
    one.done(1);
    assert.deepEqual((await end).result.feed, { perSecond: 50, measured: false });
    assert.ok(!log.includes('one warms up') && log.includes('one runs'));
  });

  test('are ended when one fails in the warm-up', async () => {
    const { log, one, other, end } = startWith({ measure: true }, 'one', 'other');
    other.answers = false;
    for (const run of [one, other]) run.opened.resolve();
    await assert.rejects(end, { message: 'other: no luck left' });
    assert.ok(log.includes('one closes') && log.includes('other closes'));
  });

  test('are ended when one fails on the way, and nothing of the other runs any more', async () => {
    const { log, one, other, end } = start('one', 'other');
    for (const run of [one, other]) run.opened.resolve();
    await soon();
    one.ended.reject(failure);
    await assert.rejects(end, { message: 'one: no luck left', cause: failure });
    assert.ok(log.includes('other closes'));
    assert.ok(log.includes('other gives up'), 'waited for');
  });

  test('need no names when there is one alone', async () => {
    const { one, end } = start('one');
    one.opened.reject(failure);
    await assert.rejects(end, failure);
  });

  test('pass on a bug as it is', async () => {
    const { one, end } = start('one', 'other');
    const bug = new TypeError('a bug');
    one.opened.reject(bug);
    await assert.rejects(end, bug);
  });
});
