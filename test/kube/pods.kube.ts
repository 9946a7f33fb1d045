import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Broker, startBroker } from '../../src/local-broker/broker.js';
import type { Finding } from '../../src/observe/finding.js';
import { siftlineWith } from '../cli/process.js';
import { OVERLAYS, type Overlay } from '../deploy/kustomize.js';
import { type TestBroker, testBroker, uniqueName } from '../support/kafka.js';
import { hostAddress, inNamespace, NAMESPACE, PodLog, tryKubectl } from './cluster.js';
import { audit, Load } from './load.js';
import { apply, isReady, type Pod, podNames, pods, processOf, restartsOf, rolledOut, untilPods } from './stage.js';

/*
 * Real pods of the overlays, two to a group, against a real broker on this machine. `siftline audit` is the judge: each
 * input has its one outcome, in order. The broker has one replica of everything and is not restarted under load, so that
 * exactly once can be asked for.
 */

const host = hostAddress();
const reason =
  host === undefined ? 'KUBE_HOST_ADDRESS is not set: pods could not reach a broker on this machine' : false;
if (reason && process.env.REQUIRE_KUBE === '1') throw new Error(`REQUIRE_KUBE=1, but ${reason}`);

/** Of the stage overlay: terminationGracePeriodSeconds. */
const GRACE_MS = 60_000;

/** Beside the stage, whose port is taken. */
const CHECK = ['check', '--json', '--config', '/etc/siftline/siftline.yaml', '--set', 'metrics.port=0'];

describe('pods', { skip: reason }, () => {
  let broker: Broker;
  let outside: TestBroker;

  before(async () => {
    const listeners = [{ name: 'PODS', protocol: 'PLAINTEXT', reachedAs: 'kafka' }] as const;
    broker = await startBroker({ log: () => {}, listeners, javaHome: process.env.JAVA_HOME });
    outside = testBroker(broker);
  });
  after(async () => {
    await tryKubectl('delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=180s');
    await broker?.stop();
  });

  /** Fresh topics and a fresh group of an overlay; what the pods are told, and what a command on this machine is. */
  async function start(overlay: Overlay) {
    const name = uniqueName(overlay);
    const common = {
      SIFTLINE_INPUT__TOPICS: name,
      SIFTLINE_INPUT__GROUP: name,
      SIFTLINE_OUTPUT__LABELS_TOPIC: `${name}.labels`,
      SIFTLINE_OUTPUT__REJECTED_TOPIC: `${name}.rejected`,
      SIFTLINE_OUTPUT__METRICS_TOPIC: `${name}.metrics`,
    };
    const here = { ...common, SIFTLINE_KAFKA__BROKERS: broker.bootstrap };
    const made = await siftlineWith(here, 'topics', '--apply', '--with-input', '--partitions', '4');
    assert.equal(made.code, 0, made.said);
    const options = {
      overlay,
      env: { ...common, SIFTLINE_KAFKA__BROKERS: broker.listeners.PODS ?? '' },
      host: host ?? '',
    };
    await apply(options);
    return { options, here, topic: name };
  }

  for (const overlay of OVERLAYS.filter(each => each !== 'stage')) {
    test(`${overlay} is Ready after its warm-up, and answers`, async s => {
      const { here, topic } = await start(overlay);
      await rolledOut();
      const load = Load.start(s, outside, topic);
      await sleep(3_000);
      const sent = await load.stop();
      const books = await audit(here);
      assert.deepEqual([books.clean, books.input, books.labelled], [true, sent, sent]);
      await inNamespace('delete', 'deployment', 'siftline', '--wait=true');
    });
  }

  test('stage: restarts, a delete, an outage, a full memory and a bad configuration', async t => {
    const { options, here, topic } = await start('stage');
    await rolledOut();

    await t.test('Ready is said when the model is warm, by pods with whole CPUs of their own', async () => {
      const found = await pods();
      assert.deepEqual(
        found.map(pod => [pod.status.qosClass, isReady(pod), restartsOf(pod)]),
        [
          ['Guaranteed', true, 0],
          ['Guaranteed', true, 0],
        ],
      );
      for (const name of await podNames()) {
        const log = await inNamespace('logs', name);
        assert.match(log, /"event":"model_ready"/);
        assert.doesNotMatch(log, /no_crash_journal/, 'the crash folder can be written');
        assert.doesNotMatch(log, /weights_unshared/, 'the folder for weights can be written, by the process alone');
      }
    });

    await t.test('siftline check finds nothing wrong inside a pod, its CPUs and memory included', async () => {
      const [name = ''] = await podNames();
      const inside = ['node', '/app/dist/main.js', ...CHECK];
      const { findings } = JSON.parse(await inNamespace('exec', name, '--', ...inside)) as { findings: Finding[] };
      assert.deepEqual(
        findings.filter(({ status }) => status === 'fail'),
        [],
      );
      const machine = findings.filter(({ check }) => check === 'cpu' || check === 'memory');
      assert.deepEqual(
        machine.map(({ status }) => status),
        ['ok', 'ok'],
        JSON.stringify(machine),
      );
      assert.match(machine[1]?.text ?? '', /the container's limit is 537 MB/);
    });

    await t.test('a rolling restart under load drains, loses nothing and repeats nothing', async s => {
      const logs = (await podNames()).map(name => new PodLog(name));
      const load = Load.start(s, outside, topic);
      await sleep(2_000);
      await inNamespace('rollout', 'restart', 'deployment/siftline');
      await rolledOut();
      await load.stop();
      for (const log of logs) await assertDrained(log);
      assertExact(await audit(here));
    });

    await t.test('a deleted pod drains under load, and another takes over', async s => {
      const [victim = '', other = ''] = await podNames();
      const log = new PodLog(victim);
      const load = Load.start(s, outside, topic);
      await sleep(2_000);
      await inNamespace('delete', 'pod', victim, '--wait=true');
      await untilPods('two ready pods', found => found.length === 2 && found.every(isReady));
      await load.stop();
      await assertDrained(log);
      assert.ok((await podNames()).includes(other), 'the other one stayed');
      assertExact(await audit(here));
    });

    await t.test('a process that is killed for its memory comes back, and each record has one answer', async s => {
      const load = Load.start(s, outside, topic);
      await sleep(2_000);
      const [victim = ''] = await podNames();
      // Many small ones, since the kernel kills the largest: that is the stage. 503 MB, and 100 and more of the stage.
      const fill = 'for i in $(seq 12); do (head -c 40M /dev/zero | tail -c 40M | sleep 60) & done; wait';
      void tryKubectl('--namespace', NAMESPACE, 'exec', victim, '--', 'sh', '-c', fill);
      const found = await untilPods('a restart', list => list.some(pod => restartsOf(pod) > 0));
      const reasons = found.flatMap(({ status }) => status.containerStatuses?.[0]?.lastState.terminated?.reason ?? []);
      assert.deepEqual(reasons, ['OOMKilled']);
      await untilPods('both ready again', list => list.length === 2 && list.every(isReady));
      await load.stop();
      assertExact(await audit(here));
    });

    await t.test('a process that hangs is restarted, and another takes over', async s => {
      const [victim] = await pods();
      const hung = victim && processOf(victim);
      if (victim === undefined || hung === undefined)
        return s.skip('the nodes are not this machine, so no process can be stopped');
      const before = restartsOf(victim);
      const load = Load.start(s, outside, topic);
      await sleep(2_000);
      process.kill(hung, 'SIGSTOP');
      const again = (list: readonly Pod[]) =>
        list.some(pod => pod.metadata.uid === victim.metadata.uid && restartsOf(pod) === before + 1 && isReady(pod));
      // Liveness' patience, and the whole grace period, since a process that is stopped does not drain.
      await untilPods('it was restarted', again, 30_000 + GRACE_MS + 90_000);
      await load.stop();
      assertExact(await audit(here));
    });

    await t.test('without a broker pods are not ready, and are not restarted', async s => {
      const before = (await pods()).map(restartsOf);
      broker.kill();
      await untilPods('none ready', found => found.every(pod => !isReady(pod)));
      // Longer than the liveness probe's patience.
      await sleep(35_000);
      assert.deepEqual((await pods()).map(restartsOf), before);
      await broker.restart();
      await untilPods('both ready again', found => found.every(isReady));
      assert.deepEqual((await pods()).map(restartsOf), before);
      const load = Load.start(s, outside, topic);
      await sleep(2_000);
      await load.stop();
      assertExact(await audit(here));
    });

    await t.test('a bad configuration stops at the first pod, says why, and is rolled back', async s => {
      const load = Load.start(s, outside, topic);
      await apply({ ...options, env: { ...options.env, SIFTLINE_WORKERS__CONUT: '2' } });
      const status = await tryKubectl(
        '--namespace',
        NAMESPACE,
        'rollout',
        'status',
        'deployment/siftline',
        '--timeout=25s',
      );
      assert.ok(!status.ok, 'it was rolled out');
      const found = await untilPods('one of the old pods works on', list => list.filter(isReady).length === 1);
      const broken = found.find(pod => !isReady(pod))?.metadata.name ?? '';
      const { output } = await tryKubectl('--namespace', NAMESPACE, 'logs', broken);
      assert.match(output, /CONFIG_INVALID[\s\S]*SIFTLINE_WORKERS__CONUT/);
      await inNamespace('rollout', 'undo', 'deployment/siftline');
      await rolledOut();
      await load.stop();
      assert.equal((await pods()).filter(isReady).length, 2);
      assertExact(await audit(here));
    });
  });
});

/** The last words of the process are that it has drained, within half the grace period. */
async function assertDrained(log: PodLog): Promise<void> {
  await log.ended;
  const draining = log.event('draining');
  const stopped = log.event('stopped');
  assert.ok(draining && stopped, `it did not say that it drained:\n${log.text.slice(-2_000)}`);
  const took = Date.parse(stopped.time ?? '') - Date.parse(draining.time ?? '');
  console.log(`# drained in ${took} ms`);
  assert.ok(took < GRACE_MS / 2, `${took} ms`);
}

function assertExact(books: Awaited<ReturnType<typeof audit>>): void {
  console.log(`# audit: ${books.input} inputs, ${books.labelled} labelled, ${books.rejected} rejected`);
  const { missing, outOfOrder, duplicates } = books;
  assert.deepEqual(
    { missing, outOfOrder, duplicates },
    { missing: 0, outOfOrder: 0, duplicates: { identical: 0, differing: 0 } },
  );
  assert.equal(books.clean, true);
  assert.ok(books.input > 0 && books.labelled > 0);
}
