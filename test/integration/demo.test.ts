import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { eventually, sharedBroker, type TestBroker } from '../support/kafka.js';
import { fixtureModel } from '../support/models.js';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `siftline demo` as a user runs it; `during` may send it signals. */
async function demo(
  { bootstrap }: TestBroker,
  args: readonly string[],
  during: (run: { pid: number; stderr: () => string }) => Promise<void> = async () => {},
): Promise<Ended> {
  const all = ['build/src/main.js', 'demo', '--model', fixtureModel('bert-two-tasks'), '--workers', '1', ...args];
  const child = spawn(process.execPath, all, {
    stdio: ['ignore', 'pipe', 'pipe'],
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
    const { consumed, labelled, rejected, skipped, textsPerSecond, latencyMs } = JSON.parse(stdout);
    assert.deepEqual(
      { consumed, labelled, rejected, skipped },
      { consumed: 200, labelled: 196, rejected: 2, skipped: 2 },
    );
    assert.ok(textsPerSecond > 0 && textsPerSecond < 1_000, `${textsPerSecond} texts/s`);
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

  test('says what its siftline says when that does not start', async () => {
    const broker = await sharedBroker();
    const { code, stdout, stderr } = await demo(broker, ['--workers', '999', '--records', '5', '--exit', '--json']);
    assert.equal(code, 3);
    assert.equal(stdout, '');
    assert.match(stderr, /^siftline: CONFIG_INVALID: .*workers\.count: 999/ms);
    assert.deepEqual(await topicsOf(broker, nameOf(stderr)), []);
  });
});
