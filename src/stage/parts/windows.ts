import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import { lagOf } from '../../consumer/held-partitions.js';
import type { KafkaSource } from '../../consumer/kafka-source.js';
import { messageOf } from '../../errors.js';
import type { KafkaAdmin } from '../../kafka/admin.js';
import { connectTo, type Kafka } from '../../kafka/client.js';
import type { Recorder } from '../../observe/recorder.js';
import { Windows } from '../../observe/window.js';
import { partitionId } from '../../ports.js';
import { MetricsPublisher } from '../../producer/metrics-publisher.js';
import { Closers } from '../closers.js';
import type { KafkaContext } from './kafka.js';

/** Publishes a metrics record every window. The returned function publishes the last window and closes. */
export async function publishWindows(
  context: KafkaContext,
  recorder: Recorder,
  measure: () => void,
): Promise<() => Promise<void>> {
  const { config, model, log } = context;
  const { windowSeconds } = config.metrics;
  if (windowSeconds === 0) return async () => {};
  const windows = new Windows(recorder, { instance: instanceName(config), stage: config.name, model });
  await windows.begin();
  const lost = recorder.registry.counter('siftline_metrics_windows_lost_total');
  const publisher = buildMetricsPublisher(context, connectTo(config.kafka, log), () => lost.inc());
  const publish = async () => {
    measure();
    await publisher.publish(await windows.take());
  };
  const closers = new Closers(log);
  closers.push('metrics producer', () => publisher.close());
  closers.push('last window', publish);
  closers.push('windows', every(windowSeconds * 1000, publish));
  return () => closers.close();
}

/** Returns a name for this process; two instances on one host, or one that was restarted, have different names. */
function instanceName({ kafka }: Pick<Config, 'kafka'>): string {
  return `${kafka.clientId}@${hostname()}:${process.pid}`;
}

function buildMetricsPublisher(context: KafkaContext, kafka: Kafka, onLost: () => void): MetricsPublisher {
  const { config, partitions, schemas, schemaIds, log } = context;
  const topic = config.output.metricsTopic;
  return new MetricsPublisher({
    kafka,
    topic,
    partitions: partitions.get(topic) ?? 1,
    instance: instanceName(config),
    schema: schemas.metrics,
    schemaId: schemaIds.metrics,
    onLost,
    log,
  });
}

const LAG_EVERY_MS = 5_000;
const UNREAD_EVERY_MS = 10_000;

/** Names what the lag is read from and written to. */
export interface LagContext {
  readonly admin: KafkaAdmin;
  readonly group: Config['input']['group'];
  readonly source: KafkaSource;
  readonly recorder: Recorder;
  readonly log: Logger;
}

/**
 * Reads the lag every few seconds; a lag that cannot be read now is read the next time. The returned function stops it.
 */
export function watchLag({ admin, group, source, recorder, log }: LagContext): () => Promise<void> {
  const gauge = recorder.registry.gauge('siftline_consumer_lag_records');
  return every(LAG_EVERY_MS, async () => {
    try {
      const lags = await lagOf(admin, group, source.positions());
      gauge.reset();
      for (const { topic, partition, records } of lags) gauge.set({ topic, partition }, Number(records));
    } catch (error) {
      log.debug({ event: 'lag_unknown', error: messageOf(error) }, 'lag could not be read');
    }
  });
}

/** Names what the assignment is read from, and where it is told. */
export interface UnreadContext {
  readonly admin: KafkaAdmin;
  readonly input: Pick<Config['input'], 'group' | 'topics'>;
  readonly recorder: Recorder;
  readonly log: Logger;
}

/**
 * Looks for partitions of the input topics that no member of the group has been assigned, and tells of them in a metric
 * and, when two looks in a row have found the same, in the log. An instance cannot see it by its own assignment.
 */
export function watchUnread({ admin, input, recorder, log }: UnreadContext): () => Promise<void> {
  const gauge = recorder.registry.gauge('siftline_unread_partitions');
  let [before, told] = ['', ''];
  return every(UNREAD_EVERY_MS, async () => {
    try {
      const unread = await admin.unread(input.group, input.topics);
      for (const topic of input.topics) gauge.set({ topic }, unread.filter(each => each.topic === topic).length);
      const partitions = unread.map(partitionId);
      const now = partitions.join(' ');
      if (now !== '' && now === before && now !== told) {
        const fields = { event: 'partitions_unread', group: input.group, partitions };
        log.warn(fields, 'no member of the group reads these partitions; members that read other topics may have them');
      }
      if (now === '' || now === before) told = now;
      before = now;
    } catch (error) {
      log.debug({ event: 'group_unknown', error: messageOf(error) }, 'the group could not be described');
    }
  });
}

/**
 * Runs a task again and again; each run starts an interval after the one before ended. The returned function stops it
 * and waits for the last run.
 */
function every(ms: number, task: () => Promise<void>): () => Promise<void> {
  let stopped = false;
  let running = Promise.resolve();
  const again = () => {
    running = task().finally(() => {
      if (!stopped) timer = setTimeout(again, ms);
    });
  };
  let timer = setTimeout(again, ms);
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await running;
  };
}
