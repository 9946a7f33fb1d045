import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { run } from '../src/local-broker/commands.js';
import { KAFKA_VERSION } from '../src/local-broker/java-setup.js';
import { packageFile } from '../src/package.js';
import { type Java, JVM_FLAGS } from './cluster.js';

const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy';
const FETCH_LIMIT_MS = 180_000;

/**
 * Returns the jar of Kafka's command line tools. It is not among the broker's jars, and is fetched once, into a
 * separate cache.
 */
async function toolsJar(): Promise<string> {
  const folder = packageFile('.cache/kafka-tools');
  const jar = join(folder, `kafka-tools-${KAFKA_VERSION}.jar`);
  if (existsSync(jar)) return jar;
  await mkdir(folder, { recursive: true });
  const artifact = `-Dartifact=org.apache.kafka:kafka-tools:${KAFKA_VERSION}`;
  const { ok, output } = await run(
    'mvn',
    ['-B', '-q', PLUGIN, artifact, `-DoutputDirectory=${folder}`],
    FETCH_LIMIT_MS,
  );
  if (!ok) throw new Error(`Maven could not fetch kafka-tools: ${output.slice(0, 500)}`);
  return jar;
}

/**
 * The place of a committed record, and the id of the input it belongs to: everything that two readers have to agree on.
 */
export type Position = `${string}/${number}@${string} ${string}`;

/**
 * The ending of the input topic. The topics of a stage are named after it, and a result's id begins with the name of
 * the input topic.
 */
export const INPUT_SUFFIX = '.in';

/**
 * The second reader: Apache Kafka's own console consumer (Java), read_committed. It shares no code with the first. One
 * process reads the labels and rejected topics of all stages, since a JVM takes seconds to start; it does not print the
 * topic, which follows from the result's id and from whether it has the headers of a rejection.
 *
 * It ends when nothing has come for `quietMs`, and joining its group counts: on a busy machine it may end too early, and
 * even before its first record. `compareReaders` tells.
 */
export async function readWithJava(java: Java, bootstrap: string, quietMs: number): Promise<Set<Position>> {
  const print = { partition: true, offset: true, headers: true, key: false, value: false };
  const args = [
    '-Xmx192m',
    ...JVM_FLAGS,
    ...['-cp', `${java.classpath}:${await toolsJar()}`, 'org.apache.kafka.tools.consumer.ConsoleConsumer'],
    ...['--bootstrap-server', bootstrap, '--include', '.*[.](labels|rejected)', '--from-beginning'],
    ...['--isolation-level', 'read_committed', '--timeout-ms', String(quietMs)],
    ...Object.entries(print).flatMap(([what, is]) => ['--formatter-property', `print.${what}=${is}`]),
  ];
  const child = spawn(java.command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = () => child.kill('SIGKILL');
  process.prependOnceListener('exit', kill);
  const closed = once(child, 'close');
  let errors = '';
  child.stderr.on('data', chunk => {
    errors += chunk;
  });
  const positions = new Set<Position>();
  for await (const line of createInterface({ input: child.stdout })) {
    const position = positionIn(line);
    if (position) positions.add(position);
  }
  await closed;
  process.off('exit', kill);
  // It reports the end by time as a TimeoutException and exits with 1, so the count shows whether it has succeeded.
  const [, processed] = /Processed a total of (\d+) messages/.exec(errors) ?? [];
  if (Number(processed) !== positions.size) {
    throw new Error(
      `the console consumer printed ${positions.size} records and counted ${processed}: ${errors.slice(-500)}`,
    );
  }
  return positions;
}

function positionIn(line: string): Position | undefined {
  const [, partition, offset] = /Partition:(\d+)\tOffset:(\d+)/.exec(line) ?? [];
  const id = /[\t,]siftline\.id:([^,\t]+)/.exec(line)?.[1];
  const stage = id?.slice(0, id.lastIndexOf(INPUT_SUFFIX));
  if (!partition || !offset || !id || !stage) return undefined;
  const kind = line.includes('__connect.errors.topic:') ? 'rejected' : 'labels';
  return `${stage}.${kind}/${Number(partition)}@${offset} ${id}`;
}

/** Where the two readers disagree, and which records say nothing because one reader ended before them. */
export interface Comparison {
  readonly onlyFirst: readonly Position[];
  readonly onlySecond: readonly Position[];
  /** Records of the first reader behind the last one of their partition that the second was shown. */
  readonly unread: readonly Position[];
}

/**
 * Compares two readers of the same partitions. A record that only the first was shown is a difference when the second
 * was shown a later one of the partition; else the second may just have ended too early, which is no verdict.
 */
export function compareReaders(first: ReadonlySet<Position>, second: ReadonlySet<Position>): Comparison {
  const last = new Map<string, number>();
  for (const position of second) {
    const { partition, offset } = placeOf(position);
    last.set(partition, Math.max(last.get(partition) ?? -1, offset));
  }
  const missed = [...first].filter(position => !second.has(position));
  const isUnread = (position: Position) => {
    const { partition, offset } = placeOf(position);
    return offset > (last.get(partition) ?? -1);
  };
  return {
    onlyFirst: missed.filter(position => !isUnread(position)),
    onlySecond: [...second].filter(position => !first.has(position)),
    unread: missed.filter(isUnread),
  };
}

function placeOf(position: Position): { partition: string; offset: number } {
  const at = position.indexOf('@');
  return { partition: position.slice(0, at), offset: Number(position.slice(at + 1, position.indexOf(' ', at))) };
}
