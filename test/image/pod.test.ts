import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Network, type StartedNetwork } from 'testcontainers';
import { type ContainerBroker, KAFKA_IMAGES, startBrokerIn } from '../support/container-broker.js';
import { eventually, retried, type TestBroker, testBroker, uniqueName } from '../support/kafka.js';
import { labelOf, stageFields } from '../support/outputs.js';
import { BASE_IMAGE, buildImage, whyNotHere } from './image.js';
import { Pod } from './pod.js';

const RECORDS = 4_000;
const TEXTS = readFileSync('examples/demo/texts.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line).text as string);

const skip = await whyNotHere([BASE_IMAGE, KAFKA_IMAGES[0]]);

describe('the image, run as a pod would be, on a broker in a container', { skip }, () => {
  let network: StartedNetwork;
  let container: ContainerBroker;
  let broker: TestBroker;

  before(
    async () => {
      await buildImage();
      network = await new Network().start();
      container = await startBrokerIn(network);
      broker = testBroker(container);
    },
    { timeout: 900_000 },
  );
  after(async () => {
    await container?.stop();
    await network?.stop();
  });

  /** Topics with texts in them, and the settings of a stage that reads them with the small model. */
  async function stage() {
    const [input, labels, rejected, metrics] = ['texts', 'labels', 'rejected', 'metrics'].map(uniqueName) as [
      string,
      string,
      string,
      string,
    ];
    const group = uniqueName('group');
    await broker.createTopics(...[input, labels, rejected, metrics].map(topic => ({ topic, partitions: 2 })));
    const value = (i: number) => JSON.stringify({ id: String(i), text: TEXTS[i % TEXTS.length] });
    await broker.produce(
      input,
      Array.from({ length: RECORDS }, (_, i) => ({ partition: i % 2, value: value(i) })),
    );
    const labelled = async () => (await broker.readAll(labels)).map(record => Number(labelOf(record).source.textId));
    const set = {
      ...stageFields({ input, labels, rejected, metrics }, group),
      'model.path': 'english-small',
      // The texts come again, and are to be work each time.
      'cache.maxBytes': '0',
      'input.heartbeatIntervalMs': '1000',
      'input.sessionTimeoutMs': '6000', // how long the group waits for one that was killed
    };
    return { set, labelled, committed: () => committed(group, input) };
  }

  /** Records of a topic that the group has done with. */
  async function committed(groupId: string, topic: string): Promise<number> {
    const admin = broker.kafka().admin();
    await admin.connect();
    try {
      const [offsets] = await retried(() => admin.fetchOffsets({ groupId, topics: [topic] }));
      return (offsets?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
    } finally {
      await admin.disconnect();
    }
  }

  const everyRecord = Array.from({ length: RECORDS }, (_, i) => i);
  const inOrder = (ids: readonly number[]) => [...ids].sort((a, b) => a - b);

  test('SIGTERM under load drains it: exit code 0, all labels committed, and the next one goes on from there', async t => {
    const { set, labelled, committed } = await stage();
    const flags = ['--user', '65532:65532', '--tmpfs', '/tmp:size=16m'];
    const pod = await Pod.start(t, { network: network.getName(), flags, set });
    await pod.ready();
    assert.equal((await pod.get('/livez')).status, 200);
    await eventually('some labels are there', async () => (await committed()) > 0);

    assert.equal(await pod.terminate(), 0);

    const first = await labelled();
    assert.ok(first.length < RECORDS, 'it was under load when it was told to stop');
    assert.equal(await committed(), first.length);
    assert.match(await pod.logs(), /"event":"stopped"/);
    assert.doesNotMatch(await pod.logs(), /"event":"no_crash_journal"/);

    await pod.startAgain();
    await eventually('the rest is labelled', async () => (await committed()) === RECORDS);
    assert.deepEqual(inOrder(await labelled()), everyRecord, 'each of them once');
    const [megabytes, workers] = [(await pod.metric('process_resident_memory_bytes')) / 1e6, 'siftline_workers'];
    t.diagnostic(`${megabytes.toFixed(0)} MB resident after ${RECORDS} texts`);
    assert.equal(await pod.metric(workers), 1, 'as many threads as the limit on CPUs allows');
    assert.equal(await pod.terminate(), 0);
  });

  test('after SIGKILL it knows from its volume what was with the model, and labels every record', async t => {
    const { set, labelled, committed } = await stage();
    const flags = ['-v', '/var/lib/siftline'];
    const pod = await Pod.start(t, {
      network: network.getName(),
      flags,
      set: {
        ...set,
        'workers.crashFolder': '/var/lib/siftline/crashes',
        'workers.weightsFolder': '/var/lib/siftline/weights',
      },
    });
    await pod.ready();
    await eventually('some labels are there', async () => (await committed()) > 0);

    assert.equal(await pod.kill(), 137);
    assert.ok((await committed()) < RECORDS, 'it was under load when it was killed');
    await pod.startAgain();

    await eventually('the rest is labelled', async () => (await committed()) === RECORDS);
    assert.match(await pod.logs(), /"event":"crash_suspects"/);
    assert.doesNotMatch(await pod.logs(), /"event":"weights_unshared"/);
    assert.deepEqual([...new Set(inOrder(await labelled()))], everyRecord);
    assert.equal(await pod.terminate(), 0);
  });

  test('with nothing to write to at all it says so, and works', async t => {
    const { set, committed } = await stage();
    const pod = await Pod.start(t, { network: network.getName(), flags: [], set });
    await pod.ready();
    await eventually('all is labelled', async () => (await committed()) === RECORDS);
    for (const event of ['no_crash_journal', 'weights_unshared'])
      assert.match(await pod.logs(), new RegExp(`"event":"${event}"`));
    assert.equal(await pod.terminate(), 0);
  });
});
