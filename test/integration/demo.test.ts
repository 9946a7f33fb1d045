import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { eventually, sharedBroker, type TestBroker } from '../support/kafka.js';
import { fixtureModel, shippedModel } from '../support/models.js';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type During = (run: { pid: number; stderr: () => string }) => Promise<void>;

const MAIN = resolve('dist/main.js');

/** `siftline demo` as a user runs it, with one stream through a small model; `during` may send it signals. */
function demo(broker: TestBroker, args: readonly string[], during?: During): Promise<Ended> {
  return demoOf(broker, ['--model', fixtureModel('bert-two-tasks'), '--workers', '1', ...args], during);
}

async function demoOf(
  { bootstrap }: TestBroker,
  args: readonly string[],
  during: During = async () => {},
  cwd = process.cwd(),
): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, 'demo', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd,
    env: { ...process.env, KAFKA_BROKERS: bootstrap, SIFTLINE_INPUT_FORMAT: 'avro' },
  });
  const out = { stdout: '', stderr: '' };
  child.stdout.on('data', chunk => {
    out.stdout += chunk;
  });
  child.stderr.on('data', chunk => {
    out.stderr += chunk;
  });
  const closed = once(child, 'close');
  try {
    await during({ pid: child.pid ?? 0, stderr: () => out.stderr });
    const [code] = (await closed) as [number | null];
    return { code, ...out };
  } finally {
    child.kill('SIGKILL');
  }
}

/** The name all topics and groups of a run begin with, and its processes have among their arguments. */
function nameOf(stderr: string): string {
  return /siftline-demo-[0-9a-f]{8}/.exec(stderr)?.[0] ?? 'no name';
}

async function processesOf(name: string): Promise<string> {
  return new Promise(resolve => execFile('ps', ['-A', '-o', 'pid=,args='], (_, lines) => resolve(lines))).then(lines =>
    String(lines)
      .split('\n')
      .filter(line => line.includes(name))
      .join('\n'),
  );
}

async function topicsOf({ kafka }: TestBroker, name: string): Promise<string[]> {
  const admin = kafka().admin();
  await admin.connect();
  try {
    return (await admin.listTopics()).filter(topic => topic.startsWith(name));
  } finally {
    await admin.disconnect();
  }
}

/** What a demo that ended at once could not take away. */
async function deleteTopics(broker: TestBroker, name: string): Promise<void> {
  const topics = await topicsOf(broker, name);
  assert.equal(topics.length, 4);
  const admin = broker.kafka().admin();
  await admin.connect();
  await admin.deleteTopics({ topics });
  await admin.disconnect();
}

describe('siftline demo', { skip: process.platform === 'win32' && 'it looks for processes with ps' }, () => {
  test('runs unattended, ends with one line of figures that balance, and leaves nothing behind', async () => {
    const broker = await sharedBroker();
    const { code, stdout, stderr } = await demo(broker, ['--records', '200', '--exit', '--json']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^\{.*\}\n$/);
    const { consumed, labelled, rejected, skipped, textsPerSecond, latencyMs, ...more } = JSON.parse(stdout);
    const { streams, feed, failed } = more;
    assert.ok(feed.measured && feed.perSecond > 0 && feed.perSecond <= 100, JSON.stringify(feed));
    assert.match(stderr, /^fed [\d.]+ records\/s, measured: /m);
    assert.deepEqual(failed, {});
    assert.deepEqual(
      { consumed, labelled, rejected, skipped },
      { consumed: 200, labelled: 196, rejected: 2, skipped: 2 },
    );
    assert.ok(textsPerSecond > 0 && textsPerSecond < 1_000, `${textsPerSecond} texts/s`);
    assert.deepEqual(streams, {
      english: { consumed, labelled, rejected, skipped, textsPerSecond, latencyMs },
    });
    assert.ok(latencyMs.p50 > 0 && latencyMs.p50 <= latencyMs.p99 && latencyMs.p99 < 60_000);
    assert.equal(await processesOf(nameOf(stderr)), '');
    assert.deepEqual(await topicsOf(broker, nameOf(stderr)), []);
  });

  test('on a signal drains what was fed and ends well, without saying figures twice', async () => {
    const broker = await sharedBroker();
    const { code, stdout, stderr } = await demo(broker, ['--rate', '50'], async ({ pid, stderr: said }) => {
      await eventually('labels have come out', () => /[1-9]\d* labelled/.test(said()));
      process.kill(pid, 'SIGTERM');
    });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, '');
    const [, fed, labelled, rejected, skipped] =
      /([\d,]+) records in, ([\d,]+) labelled, (\d+) rejected, (\d+) skipped[^\n]*\nremoved/.exec(stderr) ?? [];
    assert.equal(Number(fed), Number(labelled) + Number(rejected) + Number(skipped), stderr);
    assert.equal(await processesOf(nameOf(stderr)), '');
  });

  test('on a second signal ends at once, and its siftline with it', async () => {
    const broker = await sharedBroker();
    const { code, stderr } = await demo(broker, ['--rate', '0'], async ({ pid, stderr: said }) => {
      await eventually('labels have come out', () => /[1-9][\d,]* labelled/.test(said()));
      process.kill(pid, 'SIGINT');
      await new Promise(resolve => setTimeout(resolve, 500));
      process.kill(pid, 'SIGINT');
    });
    assert.equal(code, 130, stderr);
    await eventually('no process is left', async () => (await processesOf(nameOf(stderr))) === '', 5_000);
    await deleteTopics(broker, nameOf(stderr));
  });

  test("shows the Chinese stream with a model of one's own, and as few records as one", async () => {
    const broker = await sharedBroker();
    const { code, stdout, stderr } = await demo(broker, '--stream chinese --records 1 --exit --json'.split(' '));
    assert.equal(code, 0, stderr);
    const { consumed, labelled, streams } = JSON.parse(stdout);
    assert.deepEqual([consumed, labelled, Object.keys(streams)], [1, 1, ['chinese']]);
  });

  test('says what its siftline says when that does not start', async () => {
    const broker = await sharedBroker();
    const { code, stdout, stderr } = await demo(broker, ['--workers', '999', '--records', '5', '--exit', '--json']);
    assert.equal(code, 3);
    assert.equal(stdout, '');
    assert.match(stderr, /^siftline: CONFIG_INVALID: .*workers\.count: 999/ms);
    assert.deepEqual(await topicsOf(broker, nameOf(stderr)), []);
  });

  test('takes no --model for two streams', async () => {
    const { code, stderr } = await demoOf(await sharedBroker(), ['--stream', 'both', '--model', 'english']);
    assert.equal(code, 2);
    assert.match(stderr, /^error: option '--model' is for one stream/);
  });
});

/** A folder to start in, with models under the names of those that ship; the graphs of these are cut off. */
function modelsWithBroken(...broken: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-'));
  for (const name of ['english', 'multilingual']) {
    cpSync(fixtureModel('bert-two-tasks'), join(folder, name), { recursive: true });
    if (broken.includes(name)) truncateSync(join(folder, name, 'model.onnx'), 1_000);
  }
  return folder;
}

describe('siftline demo where a model is broken', { skip: process.platform === 'win32' }, () => {
  test('shows the other stream, says what is wrong at once, and ends with 4', async () => {
    const broker = await sharedBroker();
    const cwd = modelsWithBroken('multilingual');
    const { code, stdout, stderr } = await demoOf(broker, ['--records', '200', '--exit', '--json'], undefined, cwd);
    rmSync(cwd, { recursive: true });
    assert.equal(code, 4, stderr);
    const { consumed, labelled, streams, failed } = JSON.parse(stdout);
    assert.deepEqual([consumed, labelled, streams.english.consumed], [150, 147, 150]);
    assert.deepEqual([Object.keys(streams), Object.keys(failed)], [['english'], ['chinese']]);
    assert.equal(failed.chinese.code, 'MODEL_CHANGED');
    assert.match(
      stderr,
      /^chinese cannot start: MODEL_CHANGED: .*; english goes on \(give --stream english to show it alone\)$/m,
    );
    assert.match(stderr, /^siftline demo: chinese could not start: MODEL_CHANGED, see above$/m);
    assert.match(stderr, /^ {4}\S.* {2}\w+: \S+ 0\.\d\d/m, 'labels with their texts');
    assert.equal(await processesOf(nameOf(stderr)), '');
    assert.deepEqual(await topicsOf(broker, nameOf(stderr)), []);
  });

  test('ends with 4 after Ctrl-C too', async () => {
    const cwd = modelsWithBroken('english');
    const during: During = async ({ pid, stderr: said }) => {
      await eventually('labels have come out', () => /^chinese: .* [1-9]\d* labelled/m.test(said()));
      process.kill(pid, 'SIGINT');
    };
    const { code, stderr } = await demoOf(await sharedBroker(), [], during, cwd);
    rmSync(cwd, { recursive: true });
    assert.equal(code, 4, stderr);
    assert.match(stderr, /^english cannot start: MODEL_CHANGED: .*; chinese goes on/m);
  });

  test('ends at once when no stream can start', async () => {
    const cwd = modelsWithBroken('english', 'multilingual');
    const { code, stdout, stderr } = await demoOf(await sharedBroker(), ['--json'], undefined, cwd);
    rmSync(cwd, { recursive: true });
    assert.equal(code, 4, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^(english|chinese) cannot start: MODEL_CHANGED/m);
    assert.match(stderr, /^siftline: MODEL_CHANGED: (english|chinese): /m);
  });

  test('says it before a broker is started where a file is missing, and shows the other stream', async () => {
    const cwd = modelsWithBroken();
    rmSync(join(cwd, 'multilingual', 'model.onnx'));
    const args = ['--records', '40', '--exit', '--json'];
    const { code, stdout, stderr } = await demoOf(await sharedBroker(), args, undefined, cwd);
    rmSync(cwd, { recursive: true });
    assert.equal(code, 4, stderr);
    assert.match(stderr, /^chinese cannot start: MODEL_INCOMPLETE: .*; english goes on/);
    assert.deepEqual([JSON.parse(stdout).consumed, Object.keys(JSON.parse(stdout).failed)], [40, ['chinese']]);
  });
});

const models = existsSync(shippedModel('multilingual'));

describe('siftline demo with both streams', { skip: !models && 'there is no models/multilingual' }, () => {
  test('runs unattended, has totals and figures of each, and leaves nothing behind', async () => {
    const broker = await sharedBroker();
    const { code, stdout, stderr } = await demoOf(broker, ['--records', '400', '--exit', '--json']);
    assert.equal(code, 0, stderr);
    const { consumed, labelled, rejected, skipped, streams } = JSON.parse(stdout);
    assert.deepEqual(
      { consumed, labelled, rejected, skipped },
      { consumed: 400, labelled: 392, rejected: 4, skipped: 4 },
    );
    const { english, chinese } = streams;
    assert.deepEqual([english.consumed, english.labelled, english.rejected, english.skipped], [300, 294, 3, 3]);
    assert.deepEqual([chinese.consumed, chinese.labelled, chinese.rejected, chinese.skipped], [100, 98, 1, 1]);
    assert.equal(await processesOf(nameOf(stderr)), '');
    assert.deepEqual(await topicsOf(broker, nameOf(stderr)), []);
  });

  test('ends when there are so few records that one stream has none', async () => {
    const { code, stdout, stderr } = await demoOf(await sharedBroker(), ['--records', '1', '--exit', '--json']);
    assert.equal(code, 0, stderr);
    const { consumed, streams } = JSON.parse(stdout);
    assert.deepEqual([consumed, streams.english.consumed, streams.chinese.consumed], [1, 1, 0]);
  });

  test('on a signal drains both', async () => {
    const { code, stderr } = await demoOf(await sharedBroker(), ['--rate', '50'], async ({ pid, stderr: said }) => {
      await eventually('labels have come out of both', () =>
        ['english', 'chinese'].every(name => new RegExp(`${name}: .* [1-9]\\d* labelled`).test(said())),
      );
      process.kill(pid, 'SIGTERM');
    });
    assert.equal(code, 0, stderr);
    const last = stderr.slice(stderr.lastIndexOf('english: '));
    assert.match(last, /chinese: /);
    for (const [, fed, labelled, rejected, skipped] of last.matchAll(
      /([\d,]+) records in, ([\d,]+) labelled, (\d+) rejected, (\d+) skipped/g,
    )) {
      assert.equal(Number(fed), Number(labelled) + Number(rejected) + Number(skipped), stderr);
    }
    assert.equal(await processesOf(nameOf(stderr)), '');
  });

  test('ends the one when siftline of the other is killed, and says whose it was', async () => {
    const broker = await sharedBroker();
    const { code, stderr } = await demoOf(broker, [], async ({ stderr: said }) => {
      await eventually('labels have come out', () => /[1-9]\d* labelled/.test(said()));
      const chinese = (await processesOf(`${nameOf(said())}-zh`)).split('\n').find(line => / run /.test(line));
      process.kill(Number.parseInt(chinese ?? '', 10), 'SIGKILL');
    });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^siftline: DEMO_STAGE_ENDED: chinese: siftline run ended by itself \(SIGKILL\)/m);
    assert.equal(await processesOf(nameOf(stderr)), '');
    assert.deepEqual(await topicsOf(broker, nameOf(stderr)), []);
  });
});
