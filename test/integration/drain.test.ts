import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { failPointEnv } from '../../faults/fail-points.js';
import { frame } from '../../src/avro/framing.js';
import { buildType } from '../../src/avro/type.js';
import { FakeRegistry } from '../support/fake-registry.js';
import type { Instance } from '../support/instance.js';
import { eventually, freshBroker, type OutMessage, type TestBroker, type TestScope } from '../support/kafka.js';
import { labelOf } from '../support/outputs.js';
import { makeStage, startStage } from '../support/stage.js';

/*
 * SIGTERM in every phase of a stage: it ends within shutdown.drainSeconds and a moment for closing, with 0 when
 * everything taken is stored, 9 when the deadline came first. What it must never do is hang, or lose a record.
 */

const DRAIN_SECONDS = 5;
/** For a process on a busy machine to notice the deadline and to be gone. */
const MOMENT_MS = 15_000;
const RECORDS = 200;

interface Stage {
  readonly broker: TestBroker;
  start(options?: { env?: Record<string, string>; set?: Record<string, string> }): Instance;
  produce(messages: readonly OutMessage[]): Promise<void>;
  /** Ids of the labelled texts, each as often as it was stored. */
  labelled(): Promise<number[]>;
}

async function stage(t: TestScope, given?: TestBroker): Promise<Stage> {
  const made = await makeStage(2, given);
  const { broker, topics } = made;
  const common = {
    'shutdown.drainSeconds': String(DRAIN_SECONDS),
    'workers.batchRecords': '8',
    'input.heartbeatIntervalMs': '300',
    'input.sessionTimeoutMs': '6000',
  };
  return {
    broker,
    start: ({ env = {}, set = {} } = {}) => startStage(t, made, { set: { ...common, ...set }, env }),
    produce: messages => broker.produce(topics.input, messages),
    labelled: async () => (await broker.readAll(topics.labels)).map(record => Number(labelOf(record).source.textId)),
  };
}

const TEXTS = Array.from({ length: RECORDS }, (_, id) => ({
  partition: id % 2,
  value: JSON.stringify({ id, text: `about food ${id}` }),
}));

/** Sends SIGTERM; the exit code, once the process is gone within its deadline. */
async function endedInTime(instance: Instance, allowed: ReadonlyArray<number | null>): Promise<void> {
  const started = performance.now();
  const code = await instance.kill('SIGTERM');
  const took = performance.now() - started;
  assert.ok(allowed.includes(code), `exit code ${code}:\n${instance.stderr}`);
  assert.ok(took < DRAIN_SECONDS * 1000 + MOMENT_MS, `it took ${Math.round(took)} ms`);
}

/** Resolves when a process has stopped itself at a fail point. */
async function stopped(instance: Instance): Promise<void> {
  await eventually('the process has stopped itself', () => instance.state === 'T');
}

const noProc = process.platform === 'linux' ? false : 'needs /proc';

describe('SIGTERM ends in time', { skip: noProc }, () => {
  test('while the model is loaded', async t => {
    const run = await stage(t);
    const instance = run.start();
    await instance.event('listening');
    await endedInTime(instance, [0, 9]);
    assert.ok(!instance.lines.some(({ event }) => event === 'assigned'), 'it joined the group all the same');
  });

  test('while the group is joined, and another member does not answer', async t => {
    const run = await stage(t);
    const set = { 'input.sessionTimeoutMs': '60000' };
    const first = run.start({ set });
    await first.event('assigned');
    process.kill(first.pid, 'SIGSTOP');
    const second = run.start({ set });
    await second.event('model_ready');
    // The join waits for the first until its session is over; the second has asked by then.
    await new Promise(resolve => setTimeout(resolve, 1_000));
    await endedInTime(second, [0]);
    assert.ok(!second.lines.some(({ event }) => event === 'assigned'), 'it was not in that phase');
  });

  test('while partitions move to a second member, and every record has its outcome', async t => {
    const run = await stage(t);
    const first = run.start({ env: failPointEnv('settling=stop@1', 'dist') });
    await first.event('assigned');
    await run.produce(TEXTS);
    await eventually('it works', async () => (await first.metric('siftline_records_total')) > 0);
    const second = run.start();
    await stopped(first);
    const ended = endedInTime(first, [0]);
    first.signal('SIGCONT');
    await ended;
    await eventually('every record is labelled', async () => new Set(await run.labelled()).size === RECORDS);
    await endedInTime(second, [0]);
  });

  test('while results are published to a broker that has stopped answering; a second signal ends at once', async t => {
    const { broker, freeze, thaw } = await frozenBroker(t);
    const run = await stage(t, broker);
    await run.produce(TEXTS);
    const atPublishing = { env: failPointEnv('publishing=stop@3', 'dist') };
    const patient = run.start({ ...atPublishing, set: { 'shutdown.drainSeconds': '600' } });
    await stopped(patient);
    freeze();
    patient.signal('SIGCONT');
    patient.signal('SIGTERM');
    await patient.event('draining');
    assert.equal(await patient.kill('SIGTERM'), null, 'killed, not drained');
    thaw();
    const second = run.start(atPublishing);
    await stopped(second);
    freeze();
    second.signal('SIGCONT');
    await endedInTime(second, [9]);
    thaw();
    const third = run.start();
    await eventually('every record is labelled', async () => new Set(await run.labelled()).size === RECORDS);
    await endedInTime(third, [0]);
  });

  test('while reading waits for a registry that is down, and nothing is rejected for it', async t => {
    const registry = await FakeRegistry.start();
    t.after(() => registry.close());
    const run = await stage(t);
    const instance = run.start({ set: { 'input.format': 'avro', 'registry.url': registry.url } });
    await instance.event('assigned');
    registry.down = true;
    await run.produce([{ value: frame(77, buildType('string'), 'text') }]);
    await instance.event('decode_waits');
    const rejected = await instance.metric('siftline_records_total');
    await endedInTime(instance, [0]);
    assert.equal(rejected, 0);
  });

  test('while the start waits for a registry that answers nothing', async t => {
    const registry = await FakeRegistry.start();
    t.after(() => registry.close());
    registry.slowMs = 600_000;
    const run = await stage(t);
    const set = { 'registry.url': registry.url, 'registry.timeoutMs': '60000' };
    const instance = run.start({ set });
    await eventually('the registry was asked', () => registry.requests.length > 0);
    await endedInTime(instance, [0, 7, 9]);
  });
});

/** A broker of the test's own that can be stopped as it is, with all its connections open. */
async function frozenBroker(t: TestContext) {
  const workDir = mkdtempSync(join(tmpdir(), 'siftline-drain-'));
  const broker = await freshBroker(t, { workDir });
  const pid = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .find(name => isBrokerOf(name, workDir));
  assert.ok(pid, 'the broker has no process');
  const freeze = () => process.kill(Number(pid), 'SIGSTOP');
  const thaw = () => process.kill(Number(pid), 'SIGCONT');
  t.after(() => rmSync(workDir, { recursive: true, force: true }));
  return { broker, freeze, thaw };
}

function isBrokerOf(pid: string, workDir: string): boolean {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return args.includes('kafka.Kafka') && args.some(arg => arg.startsWith(workDir));
  } catch {
    // It ended meanwhile.
    return false;
  }
}
