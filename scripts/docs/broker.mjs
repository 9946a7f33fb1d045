// The broker of the pages: a new one for this run, never a given one, since all its topics are deleted between pages.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadKafkajs } from '../../dist/kafka/patches/index.js';
import { startBroker } from '../../dist/local-broker/broker.js';
import { freePorts } from '../../dist/local-broker/free-ports.js';

/** The addresses that pages print. */
const BROKER_PORT = 9092;
const METRICS_PORT = 9464;
const GONE_LIMIT_MS = 30_000;

/**
 * Starts the broker and makes it answer at localhost:9092.
 * @param {(line: string) => void} say
 */
export async function startDocsBroker(say) {
  const broker = await startBroker({ log: say, javaHome: process.env.JAVA_HOME });
  const [, port] = broker.bootstrap.split(':');
  const forwarders = await forward(BROKER_PORT, Number(port));
  const instead = { [`localhost:${BROKER_PORT}`]: forwarders ? undefined : broker.bootstrap };
  const metricsPort = (await isFree(METRICS_PORT)) ? METRICS_PORT : (await freePorts(1))[0];
  if (metricsPort !== METRICS_PORT) instead[`localhost:${METRICS_PORT}`] = `localhost:${metricsPort}`;
  for (const [printed, used] of Object.entries(instead))
    if (used) say(`${printed} is taken: ${used} is used in its place`);
  return {
    bootstrap: broker.bootstrap,
    /** Set for all commands. @type {Record<string, string>} */
    env: metricsPort === METRICS_PORT ? {} : { SIFTLINE_METRICS__PORT: String(metricsPort) },
    /** Puts the addresses that are used in the place of those that are printed. @param {string} text */
    addressed(text) {
      return Object.entries(instead).reduce(
        (all, [printed, used]) => (used ? all.replaceAll(printed, used) : all),
        text,
      );
    },
    clear: () => clear(broker.bootstrap),
    async stop() {
      for (const server of forwarders ?? []) server.close();
      await broker.stop();
    },
  };
}

/** Passes connections to `from` on to the broker, on both addresses that localhost can be; undefined if it is taken. */
async function forward(from, to) {
  const servers = [];
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer(client => {
      const upstream = connect(to, '127.0.0.1');
      client.pipe(upstream).pipe(client);
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ])
        one.on('error', () => other.destroy());
    });
    const failure = await listening(server, from, host);
    if (failure === undefined) servers.push(server.unref());
    else if (failure.code === 'EADDRINUSE') {
      for (const each of servers) each.close();
      return undefined;
    } else if (host === '127.0.0.1') throw failure; // without IPv6 there is no ::1
  }
  return servers;
}

async function listening(server, port, host) {
  server.listen(port, host);
  return once(server, 'listening').then(
    () => undefined,
    error => error,
  );
}

async function isFree(port) {
  const server = createServer();
  const failure = await listening(server, port, '0.0.0.0');
  server.close();
  return failure === undefined;
}

/** Deletes every topic but Kafka's own, and every group, so that the next page finds a broker without any. */
async function clear(bootstrap) {
  const { Kafka, logLevel } = loadKafkajs();
  const admin = new Kafka({ brokers: [bootstrap], clientId: 'docs', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { groups } = await admin.listGroups();
    if (groups.length > 0) await admin.deleteGroups(groups.map(({ groupId }) => groupId));
    const until = Date.now() + GONE_LIMIT_MS;
    const own = async () => (await admin.listTopics()).filter(topic => !topic.startsWith('__'));
    const topics = await own();
    if (topics.length > 0) await admin.deleteTopics({ topics });
    while ((await own()).length > 0 && Date.now() < until) await sleep(100);
  } finally {
    await admin.disconnect();
  }
}
