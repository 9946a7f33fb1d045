// The commands of pages that are not the machine's own: `siftline`, `npm` and Kafka's console producer, as
// `node stand-ins.mjs NAME ARGS`. The bin folder of a page holds a script for each (./page.mjs).
//
// Environment: TEST_DOCS_BROKER, the broker; TEST_DOCS_STATE, a folder for the processes that do not end by
// themselves; TEST_DOCS_KEEP=1, which lets `siftline run` go on until the page ends.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { loadConfig } from '../../dist/config/load.js';
import { loadKafkajs } from '../../dist/kafka/patches/index.js';
import { ROOT } from '../setup.mjs';
import { untilShown } from './endless.mjs';
import { records } from './fixtures.mjs';

const MAIN = join(ROOT, 'dist', 'main.js');

const { TEST_DOCS_BROKER: broker = '', TEST_DOCS_STATE: state = '', TEST_DOCS_KEEP: keep } = process.env;

const STAND_INS = { siftline, npm, 'kafka-console-producer.sh': consoleProducer };

const [name, ...args] = process.argv.slice(2);
process.exitCode = await STAND_INS[name](args);

/**
 * Runs the program of this tree. A command without an end gets SIGTERM once it has shown what it does.
 * @param {readonly string[]} args @returns {Promise<number>}
 */
async function siftline(args) {
  const isHelp = args.includes('--help') || args.includes('-h');
  if (args[0] === 'run' && !isHelp) {
    await feed(args);
    return untilShown([MAIN, ...args], { state, shown: outcomesOfRun, keep: keep === '1' });
  }
  if (args[0] === 'demo' && !args.includes('--exit') && !isHelp)
    return untilShown([MAIN, ...args], { state, shown: labelsOfDemo });
  return codeOf(spawnSync(process.execPath, [MAIN, ...args], { stdio: 'inherit' }));
}

/**
 * Runs a script of package.json in the checkout; one that starts the program starts its stand-in.
 * @param {readonly string[]} args
 */
function npm(args) {
  const [verb, script = '', ...rest] = args;
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const line = verb === 'run' ? scripts[script] : undefined;
  if (line?.includes('node dist/main.js')) {
    const more = rest[0] === '--' ? rest.slice(1) : rest;
    const command = `${line.replace('node dist/main.js', 'siftline')} "$@"`;
    return codeOf(
      spawnSync('bash', ['-euo', 'pipefail', '-c', command, 'npm', ...more], { cwd: ROOT, stdio: 'inherit' }),
    );
  }
  const own = process.env.PATH?.split(delimiter)[0];
  const folders = process.env.PATH?.split(delimiter).filter(folder => folder !== own) ?? [];
  const env = { ...process.env, PATH: folders.join(delimiter) };
  return codeOf(spawnSync('npm', args, { cwd: ROOT, stdio: 'inherit', env }));
}

/** Sends each line of standard input as the value of a record. */
async function consoleProducer(args) {
  const [server, bootstrap, option, topic = '', ...more] = args;
  if (server !== '--bootstrap-server' || option !== '--topic' || more.length > 0) {
    console.error('the stand-in of kafka-console-producer.sh takes --bootstrap-server HOST:PORT --topic TOPIC alone');
    return 1;
  }
  const lines = readFileSync(0, 'utf8').trimEnd().split('\n');
  await withKafka(bootstrap, kafka =>
    send(
      kafka,
      topic,
      lines.map(value => ({ value })),
    ),
  );
  return 0;
}

/**
 * Feeds the input topics of a configuration that exist and are empty; others are left as they are.
 * @param {readonly string[]} args of `siftline run`
 */
async function feed(args) {
  const { input } = configOf(args);
  await withKafka(broker, async kafka => {
    const admin = kafka.admin();
    await admin.connect();
    try {
      const topics = new Set(await admin.listTopics());
      for (const topic of input.topics.filter(each => topics.has(each))) {
        const offsets = await admin.fetchTopicOffsets(topic);
        if (offsets.every(({ high }) => high === '0')) await send(kafka, topic, records(input.textFields));
      }
    } finally {
      await admin.disconnect();
    }
  });
}

/** @param {readonly string[]} args of `siftline run` */
function configOf(args) {
  const valuesOf = flags => args.flatMap((arg, i) => (flags.includes(arg) ? [args[i + 1] ?? ''] : []));
  const sets = valuesOf(['--set']).map(each => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]);
  const topics = valuesOf(['--topics']).map(each => ['input.topics', each]);
  const flags = Object.fromEntries([...sets, ...topics]);
  return loadConfig({ file: valuesOf(['-c', '--config'])[0], env: process.env, flags }).config;
}

/** @param {string} bootstrap @param {(kafka: import('kafkajs').Kafka) => Promise<void>} use */
async function withKafka(bootstrap, use) {
  const { Kafka, logLevel } = loadKafkajs();
  await use(new Kafka({ brokers: [bootstrap], clientId: 'docs', logLevel: logLevel.NOTHING }));
}

/** Sends records to partition 0, in order, so that pages can name a place. */
async function send(kafka, topic, messages) {
  const producer = kafka.producer();
  await producer.connect();
  try {
    await producer.send({ topic, messages: messages.map(message => ({ partition: 0, ...message })) });
  } finally {
    await producer.disconnect();
  }
}

/** Counts the outcomes that are stored, by the metrics of the stage; the log says where those are. */
async function outcomesOfRun(output) {
  const [, port] = /"event":"listening".*"port":(\d+)/.exec(output) ?? [];
  if (!port) return 0;
  const text = await fetch(`http://127.0.0.1:${port}/metrics`).then(
    reply => reply.text(),
    () => '',
  );
  const counts = text.matchAll(/^siftline_records_total\{[^}]*outcome="(?:labelled|rejected)"[^}]*\} (\d+)/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** One as soon as a line says that something is labelled: the demo feeds for ever, so its counts never stand still. */
async function labelsOfDemo(output) {
  return /\b[1-9][\d,]* labelled/.test(output) ? 1 : 0;
}

function codeOf({ status, signal, error }) {
  if (error) console.error(error.message);
  return status ?? (signal ? 128 : 1);
}
