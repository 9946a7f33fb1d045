import type { Command } from 'commander';
import type { LoadedConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { SiftlineError } from '../errors.js';
import { parseRange } from '../stage/choices.js';
import type { CliContext } from './context.js';
import { drainOnSignals } from './interrupt.js';
import {
  type ConfigFlags,
  configForRun,
  configFrom,
  type RangeFlags,
  withConfigOptions,
  withRangeOptions,
} from './options.js';

interface ReplayFlags extends ConfigFlags, RangeFlags {
  readonly labelsTopic: string;
  readonly rejectedTopic?: string;
  readonly intoLiveTopic?: boolean;
}

const HELP = `
The same decoder, policy and ids as \`run\`; no consumer group is joined and nothing is committed. The output topics must
exist. Records that are rejected go to --rejected-topic, which is <labels topic>.rejected unless given.

  siftline replay --from -2h --model ./models/next --labels-topic texts.next`;

/** Adds `replay`, which classifies a range of the input again, into separate topics. */
export function addReplay(program: Command, context: CliContext): void {
  const command = program
    .command('replay')
    .description('classify a range of the input topics again, into another topic')
    .requiredOption('--labels-topic <name>', 'topic for the answers')
    .option('--rejected-topic <name>', 'topic for rejected records; without it, <labels topic>.rejected')
    .option('--into-live-topic', 'allow the topics that the running stage writes to')
    .addHelpText('after', HELP);
  withRangeOptions(command, 'record of the input topics');
  withConfigOptions(command, [
    'brokers',
    'topics',
    'format',
    'envelope',
    'text',
    'id',
    'model',
    'tasks',
    'workers',
    'logLevel',
  ]);
  command.action((flags: ReplayFlags) => replay(flags, context));
}

async function replay(flags: ReplayFlags, context: CliContext): Promise<void> {
  const bounds = parseRange(flags, Date.now());
  const loaded = await replayConfig(flags, context);
  const { quietLog } = await import('../observe/log.js');
  const { Replay } = await import('../stage/replay.js');
  const { config } = loaded;
  const log = quietLog(loaded);
  const replay = new Replay({ config, bounds, partitions: flags.partition, version: context.version, log });
  const drainMs = config.shutdown.drainSeconds * 1000;
  const deadline = drainOnSignals({ drainMs, stop: () => replay.stop(), log });
  try {
    await Promise.race([replay.run(), deadline.passed]);
  } finally {
    const { summary } = replay;
    if (summary.finished || summary.consumed > 0) context.stdout.write(`${JSON.stringify(summary)}\n`);
  }
}

/** Returns the configuration of the stage with other outputs, and without records of metrics. */
async function replayConfig(flags: ReplayFlags, { env }: CliContext): Promise<LoadedConfig> {
  const { config: live } = await configForRun(flags, env);
  const { labelsTopic, rejectedTopic = `${flags.labelsTopic}.rejected` } = flags;
  if (!flags.intoLiveTopic) refuseLive(live, [labelsTopic, rejectedTopic]);
  const outputs = {
    'output.labelsTopic': labelsTopic,
    'output.rejectedTopic': rejectedTopic,
    'metrics.windowSeconds': '0',
  };
  return configFrom({ ...flags, set: { ...flags.set, ...outputs } }, env);
}

function refuseLive({ output }: Config, topics: readonly string[]): void {
  const live = topics.find(topic => topic === output.labelsTopic || topic === output.rejectedTopic);
  if (live === undefined) return;
  throw SiftlineError.usage(
    'REPLAY_LIVE_TOPIC',
    `${live} is a topic that the stage itself writes to, so its readers would get every answer again; give another topic, or --into-live-topic if you want that`,
  );
}
