import type { Command } from 'commander';
import { SiftlineError } from '../errors.js';
import type { Finding, Status } from '../observe/finding.js';
import { printableData, printableJson } from '../observe/printable.js';
import type { CliContext } from './context.js';
import { type ConfigFlags, givenBy, withConfigOptions } from './options.js';

type CheckFlags = ConfigFlags & { readonly offline?: boolean; readonly json?: boolean };

export function addCheck(program: Command, context: CliContext): void {
  const command = program
    .command('check')
    .description('check everything that a start needs, change nothing, and say what to do')
    .option('--offline', 'do not ask the brokers and the schema registry')
    .option('--json', 'one JSON object, for programs');
  withConfigOptions(command, [
    'brokers',
    'topics',
    'group',
    'format',
    'envelope',
    'text',
    'id',
    'model',
    'tasks',
    'workers',
  ]);
  command.action((flags: CheckFlags) => check(flags, context));
}

async function check(flags: CheckFlags, { env, stdout }: CliContext): Promise<void> {
  const { loadConfig } = await import('../config/load.js');
  const { silentLog } = await import('../observe/log.js');
  const { runChecks } = await import('../tools/checks/run.js');
  const findings: Finding[] = [];
  // The findings say what kafkajs would log on the way.
  const log = silentLog();
  const load = () => loadConfig(givenBy(flags, env));
  for await (const finding of runChecks({ load, offline: flags.offline === true, log })) {
    findings.push(finding);
    if (!flags.json) stdout.write(lineOf(printableData(finding)));
  }
  const count = countOf(findings);
  if (flags.json) stdout.write(`${printableJson({ ok: count.fail === 0, count, findings }, 2)}\n`);
  if (count.fail > 0) throw checkFailed(count);
  const verdict = flags.offline ? 'nothing wrong offline; brokers and registry were not asked' : 'ready to start';
  if (!flags.json) stdout.write(`\n${verdict} (${inWords(count)})\n`);
}

const WORDS: Readonly<Record<Status, string>> = { ok: 'ok  ', warn: 'warn', fail: 'FAIL', skip: 'skip' };
const INDENT = ' '.repeat(16);

/** Returns `ok    model   english 1.0.0, ...`, with details and remedy on separate lines below it. */
function lineOf({ status, check: subject, text, details = [], remedy }: Finding): string {
  const first = `${WORDS[status]}  ${subject.padEnd(10)}${text}`;
  const below = [...details, ...(remedy ? [`-> ${remedy}`] : [])];
  return `${[first, ...below.map(line => INDENT + line)].join('\n')}\n`;
}

type Count = Readonly<Record<Status, number>>;

function countOf(findings: readonly Finding[]): Count {
  const of = (status: Status) => findings.filter(finding => finding.status === status).length;
  return { ok: of('ok'), warn: of('warn'), fail: of('fail'), skip: of('skip') };
}

function inWords(count: Count): string {
  const words = [`${count.ok} ok`, `${count.warn} to look at`, `${count.fail} failed`, `${count.skip} skipped`];
  return words.filter(word => !word.startsWith('0 ')).join(', ');
}

function checkFailed(count: Count): SiftlineError {
  return SiftlineError.check(
    'CHECK_FAILED',
    `not ready to start (${inWords(count)}); correct each line marked FAIL above`,
  );
}
