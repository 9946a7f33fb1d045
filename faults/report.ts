import type { FaultArgs } from './args.js';
import { breaches, type Promised, type Result } from './result.js';
import { soak } from './scenarios/soak.js';
import { SESSION_MS } from './stage.js';
import type { SuiteResult } from './suite.js';

/** Returns every broken promise, by scenario; empty if every promise held and the control was caught. */
export function broken({ results, control, failures }: SuiteResult): string[] {
  const verdicts = results.flatMap(result => {
    const own = breaches(result);
    return own.length === 0 ? [] : [`${result.scenario}, ${result.promise}: ${own.join(', ')}`];
  });
  const naive = control?.findings.duplicates === 0 ? ['control: the naive scheme was not caught'] : [];
  return [...verdicts, ...naive, ...failures];
}

/** Returns the one line of `--json`. */
export function summary(args: FaultArgs, suite: SuiteResult, seconds: number): object {
  const { results, control } = suite;
  const poison = results.map(({ findings }) => findings.poison);
  return {
    seed: args.seed,
    exactlyOnce: totals(results, 'exactly-once'),
    atLeastOnce: totals(results, 'at-least-once'),
    poison: {
      records: sum(poison, each => each.records),
      accounted: sum(poison, each => each.accounted),
      processExits: sum(results, each => each.processExits),
    },
    ...(control
      ? { control: { caught: control.findings.duplicates > 0, duplicates: control.findings.duplicates } }
      : {}),
    leftOut: suite.leftOut,
    broken: broken(suite),
    seconds: Math.round(seconds),
  };
}

function totals(results: readonly Result[], promise: Promised): object {
  const own = results.filter(each => each.promise === promise);
  const findings = own.map(each => each.findings);
  return {
    faults: sum(own, each => each.faults),
    records: sum(findings, each => each.records),
    missing: sum(findings, each => each.missing),
    duplicates: sum(findings, each => each.duplicates),
    differing: sum(findings, each => each.differing),
    outOfOrder: sum(findings, each => each.outOfOrder),
    wrongLabels: sum(findings, each => each.wrongLabels),
    altered: sum(findings, each => each.altered),
    abortedSeen: sum(own, each => each.abortedSeen),
    abortedVisible: sum(own, each => each.abortedVisible),
    finalLag: sum(own, each => each.finalLag),
    readersDiffer: sum(own, each => each.readersDiffer),
  };
}

export interface Surroundings {
  readonly machine: string;
  readonly kafka: string;
  readonly minutes: number;
  /** The scenarios left out on this machine, with the reason. */
  readonly skipped: readonly string[];
}

/** Returns docs/reliability.md. */
export function renderMarkdown(args: FaultArgs, suite: SuiteResult, around: Surroundings): string {
  const { results, control } = suite;
  const held = broken(suite).length === 0;
  return `# Reliability

Written by \`npm run faults -- ${commandOf(args)}\`, ${around.minutes.toFixed(0)} minutes. Machine: ${around.machine}. Broker: Apache Kafka ${around.kafka}
(KRaft, from its own jars), one for most faults, three with replication 3 and \`min.insync.replicas\` 2 where brokers are hurt.

${held ? 'Every promise held.' : `**Not everything held:** ${broken(suite).join('; ')}.`} Real processes, a real broker, real signals; the model is a small BERT, so that the brokers are what is busy.

## \`delivery: exactly-once\`

${table(results, 'exactly-once')}

${bound(results)}

## \`delivery: at-least-once\`

${table(results, 'at-least-once')}

Duplicates are allowed here, and every one has the id of its first copy, the same label and the same score (to 0.0001; another
batch has another rounding): _differing_ counts those that do not.

## Poison

${poison(results)}

${memory(results)}## How it is judged

- **The ledger** is the input topic itself: every record has an id, a key, a place in its partition and an answer worked out
  beforehand by \`siftline classify\`. After a run, records = labelled + rejected + skipped has to hold, each once, in the order of the
  input per partition, with key, event time, headers and id as they were, and the group's lag has to be 0.
- **Two readers** of committed records have to be shown the same: kafkajs, and Kafka's own console consumer (Java, \`kafka-tools\`), which
  shares no code with it. A third look, at the raw log and its transaction markers, has to agree with both: _aborted_ counts records
  of aborted transactions in the log; none of them was visible to a reader${sum(results, each => each.abortedVisible) > 0 ? ', **which did not hold**' : ''}.
- **The control** is a scheme known to be wrong (one transactional id per member, nobody asks anew what is committed), under the
  zombie fault and the same judge: ${control ? `${control.findings.duplicates} duplicates in ${control.findings.records} records: ${control.findings.duplicates > 0 ? 'caught' : '**not caught**'}` : 'not run'}. A suite that passes it would prove nothing, so then it fails.
- **Recovery** runs from the fault to the next committed result, in the partition that was silent longest, over the median fault and the
  worst; the session timeout of ${SESSION_MS / 1_000} s is in it (30 s by default), and so is the start of a process.
- Kill points, kill times and their order come from the seed; what else the processes do at those moments does not, so a second
  run with the same seed hurts the same places and not the same records.
- \`workers.crashes\` is 100 here, in place of 2: a process that is killed from outside while a suspect record is with the model alone
  looks like one that the record has killed. After two of those a child process clears the record, but after four it is rejected as
  PROCESS_CRASH in any case. Where processes are killed as often as here, raise it.
- A broker without a replica is not restarted here: when it is the only one and ends while a transaction is being committed, Kafka itself
  can lose the commit's markers, and the transaction's records are stored again. Exactly once needs a replication factor of 2 or more.
${[...around.skipped, ...suite.leftOut.map(name => `${name}: no time in a quick run`)].map(each => `- Left out on this machine: ${each}.\n`).join('')}`;
}

function commandOf({ full, seed, only, soakMinutes }: FaultArgs): string {
  const parts = [full ? '--full' : '--quick', `--seed ${seed}`, ...only.map(name => `--only ${name}`)];
  if (full || only.includes(soak.name)) parts.push(`--soak-minutes ${soakMinutes}`);
  return [...parts, '--write'].join(' ');
}

/** Returns the section about the soak; empty if there was none. */
function memory(results: readonly Result[]): string {
  const notes = results.filter(({ scenario }) => scenario === soak.name).flatMap(({ notes }) => notes);
  if (notes.length === 0) return '';
  const lines = notes.map(note => `- ${note}`).join('\n');
  return `## Memory\n\nUnder steady load; a resident set that grows by a tenth in the second half is a failure.\n\n${lines}\n\n`;
}

function table(results: readonly Result[], promise: Promised): string {
  const exactly = promise === 'exactly-once';
  const columns = [
    'fault',
    'faults',
    'records',
    'missing',
    'duplicates',
    ...(exactly ? [] : ['differing']),
    'out of order',
    'wrong labels',
    ...(exactly ? ['aborted'] : []),
    'recovery p50 / max',
  ];
  const rows = results
    .filter(each => each.promise === promise)
    .map(({ fault, faults, findings, abortedSeen, recoveryMs }) => [
      fault,
      faults,
      findings.records,
      findings.missing,
      findings.duplicates,
      ...(exactly ? [] : [findings.differing]),
      findings.outOfOrder,
      findings.wrongLabels,
      ...(exactly ? [abortedSeen] : []),
      recovery(recoveryMs),
    ]);
  const line = (cells: ReadonlyArray<string | number>) => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

function recovery(all: readonly number[]): string {
  if (all.length === 0) return '';
  const sorted = [...all].sort((a, b) => a - b);
  const seconds = (ms: number | undefined) => `${((ms ?? 0) / 1_000).toFixed(1)} s`;
  return `${seconds(sorted[Math.floor((sorted.length - 1) / 2)])} / ${seconds(sorted.at(-1))}`;
}

/** Returns the bound by the rule of three: no failure in n trials bounds the rate to 3/n, with 95 % confidence. */
function bound(results: readonly Result[]): string {
  const own = results.filter(each => each.promise === 'exactly-once');
  const faults = sum(own, each => each.faults);
  const bad = own.filter(each => breaches(each).length > 0).length;
  if (bad > 0) return `${bad} of ${own.length} runs broke the promise.`;
  const percent = ((3 / Math.max(faults, 1)) * 100).toFixed(1);
  return `No failure in ${faults} faults: with 95 % confidence, fewer than 3/${faults} = ${percent} % of such faults break the promise. That is what the
number of faults allows to say, not more.`;
}

function poison(results: readonly Result[]): string {
  const all = results.map(({ findings }) => findings.poison);
  const exits = sum(results, each => each.processExits);
  return `One record in twenty is poison, in all runs above: tombstones, broken JSON, bad UTF-8, no text, blank text, a text that is no
string, empty and oversized values. ${sum(all, each => each.records)} of them were fed, ${sum(all, each => each.accounted)} came to exactly the outcome they have to (its reason included), and
${exits} processes ended by themselves.`;
}

function sum<T>(all: readonly T[], of: (each: T) => number): number {
  return all.reduce((total, each) => total + of(each), 0);
}
