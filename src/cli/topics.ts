import type { Command } from 'commander';
import type { Config } from '../config/schema.js';
import { printableJson } from '../observe/printable.js';
import type { DrawTable } from '../observe/table.js';
import {
  asConfig,
  createCommand,
  createTopics,
  type MissingTopic,
  type PlanOptions,
  planTopics,
  type Topic,
} from '../tools/checks/topic-plan.js';
import type { CliContext } from './context.js';
import { type ConfigFlags, configForRun, whole, withConfigOptions } from './options.js';

type TopicFlags = ConfigFlags & PlanOptions & { readonly apply?: boolean | undefined; readonly json?: boolean };

export function addTopics(program: Command, context: CliContext): void {
  const command = program
    .command('topics')
    .description('show which topics exist, which are missing and how to create them; --apply creates them')
    .option('--apply', 'create the missing topics; topics that exist are never changed')
    .option('--with-input', 'create missing input topics too')
    .option(
      '--partitions <n>',
      'partitions of new topics; without it, as many as the input topic with the most has',
      whole(1),
    )
    .option(
      '--replication-factor <n>',
      'replicas of new topics; without it, 3, or the number of brokers if there are fewer',
      whole(1),
    )
    .option('--json', 'one JSON object, for programs');
  withConfigOptions(command, ['brokers', 'topics']);
  command.action((flags: TopicFlags) => topics(flags, context));
}

async function topics(flags: TopicFlags, { env, stdout }: CliContext): Promise<void> {
  const { openAdmin } = await import('../tools/checks/brokers.js');
  const { silentLog } = await import('../observe/log.js');
  const { table } = await import('../observe/table.js');
  const { config } = await configForRun(flags, env);
  const admin = await openAdmin(config.kafka, silentLog());
  try {
    const plan = await planTopics(admin, config, flags);
    const missing = missingOf(plan);
    if (flags.apply) await createTopics(admin, missing);
    stdout.write(flags.json ? asJson(plan, config, flags) : asText(plan, config, { ...flags, table }));
  } finally {
    await admin.close();
  }
}

function missingOf(plan: readonly Topic[]): MissingTopic[] {
  return plan.filter(topic => topic.state === 'missing');
}

function asJson(plan: readonly Topic[], config: Config, { apply }: TopicFlags): string {
  const list = plan.map(topic => {
    const { topic: name, role, partitions, replicationFactor } = topic;
    const common = { topic: name, role, partitions, replicationFactor };
    if (topic.state === 'exists') return { ...common, state: 'exists', differences: topic.differences };
    const { settings } = topic;
    const command = createCommand(topic, clientOf(config));
    return { ...common, state: apply ? 'created' : 'missing', config: asConfig(settings), command };
  });
  return `${printableJson({ applied: apply === true, topics: list }, 2)}\n`;
}

function asText(plan: readonly Topic[], config: Config, { apply, table }: TopicFlags & { table: DrawTable }): string {
  const rows = plan.map(topic => rowOf(topic, apply === true));
  const [head = '', ...lines] = table([HEAD, ...rows], { right: [3, 4] });
  const noted = plan.flatMap((topic, i) => [lines[i] ?? '', ...notesOf(topic).map(note => `    ${note}`)]);
  return `${[head, ...noted, '', ...ending(plan, config, { apply })].join('\n')}\n`;
}

const HEAD = ['topic', 'role', 'state', 'partitions', 'replicas'];

function rowOf({ topic, role, state, partitions, replicationFactor }: Topic, apply: boolean): string[] {
  const now = state === 'exists' ? 'exists' : apply ? 'created' : 'to create';
  return [topic, role, now, String(partitions), String(replicationFactor)];
}

function notesOf(topic: Topic): string[] {
  if (topic.state === 'missing') return topic.settings.map(({ name, value }) => `${name}=${value}`);
  return topic.differences.map(
    ({ setting, value, recommended, otherwise }) =>
      `differs: ${setting} is ${value}, recommended ${recommended}; otherwise ${otherwise}`,
  );
}

function ending(plan: readonly Topic[], config: Config, { apply }: Pick<TopicFlags, 'apply'>): string[] {
  const missing = missingOf(plan);
  const differ = plan.some(topic => topic.state === 'exists' && topic.differences.length > 0);
  if (missing.length === 0)
    return [`all topics exist; ${differ ? 'their differences are left as they are' : 'nothing to do'}`];
  if (apply) return [`created ${missing.map(({ topic }) => topic).join(', ')}`];
  return [
    'Nothing has been created. `siftline topics --apply` does it, or Kafka itself:',
    '',
    ...missing.map(topic => createCommand(topic, clientOf(config))),
  ];
}

function clientOf({ kafka }: Config): { bootstrap: string; login: boolean } {
  return { bootstrap: kafka.brokers.join(','), login: kafka.tls.enabled || kafka.sasl.mechanism !== undefined };
}
