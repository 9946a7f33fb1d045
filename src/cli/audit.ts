import { type Command, Option } from 'commander';
import { SiftlineError } from '../errors.js';
import { printableData, printableJson } from '../observe/printable.js';
import type { DrawTable } from '../observe/table.js';
import { parseRange } from '../stage/choices.js';
import { Closers } from '../stage/closers.js';
import { type AuditFinding, type AuditReport, FINDING_KINDS, isClean } from '../tools/audit/report.js';
import type { CliContext } from './context.js';
import {
  type ConfigFlags,
  configForRun,
  type RangeFlags,
  whole,
  withConfigOptions,
  withRangeOptions,
} from './options.js';

interface AuditFlags extends ConfigFlags, RangeFlags {
  readonly labelsTopic?: string;
  readonly rejectedTopic?: string;
  readonly against?: string;
  readonly outputsFrom?: string;
  readonly isolation: 'read_committed' | 'read_uncommitted';
  /** True for the flag without a number. */
  readonly untilIdle?: number | true;
  readonly timestamps: boolean;
  readonly show: number;
  readonly json?: boolean;
}

interface Topics {
  readonly inputs: readonly string[];
  readonly labels: string;
  readonly rejected: string;
}

const IDLE_SECONDS = 5;

const HELP = `
Every input has exactly one outcome: a label, a rejected record, or none for a record that is skipped. Exit code 0 when
that holds and 8 when something is found. The outputs are read in whole unless --outputs-from is given. Give the
configuration of the stage: with input.envelope, it says which records are skipped.

  siftline audit --from -2h
  siftline audit --against texts.next --show 20`;

/** Adds `audit`, which finds inputs whose outcome is missing, doubled, out of order or altered. */
export function addAudit(program: Command, context: CliContext): void {
  const command = program
    .command('audit')
    .description('compare input and output topics: find outcomes that are missing, doubled, out of order or altered')
    .option('--labels-topic <name>', 'the labels topic; without it, output.labelsTopic')
    .option('--rejected-topic <name>', 'the rejected topic; without it, output.rejectedTopic')
    .option(
      '--against <topic>',
      'compare the answers with the answers in this labels topic, such as the topic of a replay',
    )
    .option('--outputs-from <place>', 'read the outputs from this place on; takes what --from takes')
    .addOption(
      new Option('--isolation <level>', 'leave out records of open and aborted transactions, or read them too')
        .choices(['read_committed', 'read_uncommitted'])
        .default('read_committed'),
    )
    .option(
      '--until-idle [seconds]',
      `read on until no outcome has come for this many seconds (${IDLE_SECONDS})`,
      whole(1),
    )
    .option(
      '--no-timestamps',
      'do not compare timestamps; for output topics that stamp records themselves (LogAppendTime)',
    )
    .option('--show <n>', 'how many positions to show for each kind of finding', whole(0), 10)
    .option('--json', 'one line of JSON, for programs')
    .addHelpText('after', HELP);
  withRangeOptions(command, 'record of the input topics');
  withConfigOptions(command, ['brokers', 'topics', 'format', 'envelope']);
  command.action((flags: AuditFlags) => run(flags, context));
}

async function run(flags: AuditFlags, { env, stdout }: CliContext): Promise<void> {
  const { envelopeDecoder, labelReaderOf, openReading, rangesToRead, resolveRange } = await import(
    '../stage/topics.js'
  );
  const { audit } = await import('../tools/audit/audit.js');
  const { silentLog } = await import('../observe/log.js');
  const { table } = await import('../observe/table.js');
  const { config } = await configForRun(flags, env);
  const topics: Topics = {
    inputs: config.input.topics,
    labels: flags.labelsTopic ?? config.output.labelsTopic,
    rejected: flags.rejectedTopic ?? config.output.rejectedTopic,
  };
  const bounds = parseRange(flags, Date.now());
  const outputBounds = parseRange({ from: flags.outputsFrom }, Date.now());
  const log = silentLog();
  const closers = new Closers(log);
  try {
    const { reader, partitions } = await openReading({
      config,
      topics: [...topics.inputs, topics.labels, topics.rejected, ...(flags.against ? [flags.against] : [])],
      readUncommitted: flags.isolation === 'read_uncommitted',
      closers,
      log,
    });
    const inputs = await rangesToRead(reader, { ...bounds, topics: topics.inputs, partitions: flags.partition });
    const outputs = (topic: string) => resolveRange(reader, { ...outputBounds, topics: [topic], withEmpty: true });
    const report = await audit({
      reader,
      inputs,
      labels: await outputs(topics.labels),
      rejected: await outputs(topics.rejected),
      against: flags.against === undefined ? undefined : await reader.bounds(flags.against),
      outputPartitions: partitions,
      labelReader: labelReaderOf(config),
      decoder: await envelopeDecoder({ config, log }, closers),
      timestamps: flags.timestamps,
      show: flags.show,
      idleMs: idleMs(flags),
    });
    stdout.write(
      flags.json
        ? `${printableJson({ clean: isClean(report), ...report })}\n`
        : asText(printableData(report), topics, table),
    );
    if (!isClean(report)) throw auditFailed(report);
  } finally {
    await closers.close();
  }
}

function idleMs({ untilIdle }: AuditFlags): number | undefined {
  if (untilIdle === undefined) return undefined;
  return (untilIdle === true ? IDLE_SECONDS : untilIdle) * 1000;
}

function asText(report: AuditReport, { inputs, labels, rejected }: Topics, table: DrawTable): string {
  const found = FINDING_KINDS.flatMap(kind => (report.findings[kind] ?? []).map(finding => lineOf(kind, finding)));
  const verdict = isClean(report) ? ['clean: every input has exactly one outcome'] : found;
  const counts = table(rows(report), { right: [1] });
  return `${[`${inputs.join(', ')} to ${labels} and ${rejected}`, '', ...counts, '', ...verdict].join('\n')}\n`;
}

function rows(report: AuditReport): string[][] {
  const { duplicates, against, outside, mendedTimes } = report;
  const plain = ['input', 'labelled', 'rejected', 'skipped', 'missing'] as const;
  return [
    ...plain.map(name => [name, String(report[name])]),
    ['duplicates', String(duplicates.identical + duplicates.differing), `${duplicates.differing} with another answer`],
    ['out of order', String(report.outOfOrder)],
    ['differing', String(report.differing)],
    ['stray', String(report.stray)],
    ['wrong partition', String(report.wrongPartition)],
    ['unreadable', String(report.unreadable)],
    ...(mendedTimes > 0
      ? [
          [
            'mended times',
            String(mendedTimes),
            'labels under the time of their writing; their value has the event time',
          ],
        ]
      : []),
    ...(outside > 0 ? [['outside', String(outside), 'outcomes of inputs outside the range']] : []),
    ...(against
      ? [
          [
            'against',
            String(against.differing),
            `of ${against.compared} answers differ; ${against.onlyHere} only here, ${against.onlyThere} only there`,
          ],
        ]
      : []),
  ];
}

const NAMES: Readonly<Partial<Record<string, string>>> = {
  identicalDuplicates: 'duplicate',
  differingDuplicates: 'duplicate, another answer',
  outOfOrder: 'out of order',
  wrongPartition: 'wrong partition',
};

function lineOf(kind: string, { input, output, what }: AuditFinding): string {
  const places = [input, ...(output === undefined ? [] : [`at ${output}`])].filter(place => place !== '').join(' ');
  return `${NAMES[kind] ?? kind}: ${places}${what === undefined ? '' : `: ${what}`}`;
}

function auditFailed(report: AuditReport): SiftlineError {
  const { missing, duplicates, outOfOrder, differing, stray, wrongPartition, unreadable } = report;
  const counts = {
    missing,
    duplicate: duplicates.identical + duplicates.differing,
    'out of order': outOfOrder,
    differing,
    stray,
    'in the wrong partition': wrongPartition,
    unreadable,
    'not as in the other topic': report.against
      ? report.against.differing + report.against.onlyHere + report.against.onlyThere
      : 0,
  };
  const found = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`);
  return SiftlineError.check(
    'AUDIT_FAILED',
    `the outputs do not match the inputs: ${found.join(', ')}; the list above names the positions, and docs/tools.md explains each finding`,
  );
}
