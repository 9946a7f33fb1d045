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

/** The one line of `--json`. */
export function summary(
  args: FaultArgs,
  suite: SuiteResult,
  { seconds, notTried }: { readonly seconds: number; readonly notTried: readonly string[] },
): object {
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
    notTried,
    unread: sum(results, each => each.unread),
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
  /** Scenarios that did not run, each with the reason. */
  readonly notTried: readonly string[];
}

/** Returns docs/reliability.md. */
export function renderMarkdown(args: FaultArgs, suite: SuiteResult, around: Surroundings): string {
  const { results, control } = suite;
  const held = broken(suite).length === 0;
  return `# Reliability

Written by \`npm run faults -- ${commandOf(args)}\`, ${around.minutes.toFixed(0)} minutes.

- Machine: ${around.machine}.
- Broker: Apache Kafka ${around.kafka} (KRaft, from its own jars).
  Most faults have one broker; where brokers are hurt there are three, with replication 3 and \`min.insync.replicas\` 2.

${held ? heldText(around.notTried, results) : `**Not everything held:** ${broken(suite).join('; ')}.`}
Processes, broker and signals are real.
The model is a small BERT, so that the brokers are the busy part.

## \`delivery: exactly-once\`

${table(results, 'exactly-once')}

${bound(results)}

## \`delivery: at-least-once\`

${table(results, 'at-least-once')}

Duplicates are allowed here.
Every duplicate has the id of its first copy, the same label and the same score (to 0.0001; another batch has another rounding).
_Differing_ counts the duplicates that do not.

## Poison

${poison(results)}

${memory(results)}## How it is judged

- **The ledger** is the input topic itself.
  Every record has an id, a key, a place in its partition, and an answer worked out beforehand by \`siftline classify\`.
  After a run, records = labelled + rejected + skipped has to hold, each once, in the order of the input per partition.
  Key, event time, headers and id have to be as they were, and the group's lag has to be 0.
- **Two readers** of committed records have to see the same: kafkajs, and Kafka's own console consumer (Java, \`kafka-tools\`), which shares no code with it.
  A third look, at the raw log and its transaction markers, has to agree with both.
  _Aborted_ counts the records of aborted transactions in the log; none of them was visible to a reader${sum(results, each => each.abortedVisible) > 0 ? ', **which did not hold**' : ''}.
- **Two faults at once**, in a full run: an instance is stopped past its session while it is cut off from its broker, or while one of three brokers is cut off from every instance; an instance is killed while one of three brokers is slow.
  A cut connection carries no byte and gives no error, and what was sent comes through later.
  A slow disk is a broker that is stopped for 0.2-0.9 s again and again.
- **The upgrade**, in a full run, starts three instances of the newest tag before this commit, or of the commit before where there is no tag.
  They are replaced by this version under load: one ends first, one ends last, one is killed in the middle of a transaction.
  Then the group goes back to the older version, and forward again.
  Without history (an unpacked archive, a shallow clone) it is left out and named.
- **The control** is a scheme known to be wrong: one transactional id per member, and committed offsets that are not read again after a rebalance.
  Under the zombie fault and the same judge: ${control ? `${control.findings.duplicates} duplicates in ${control.findings.records} records: ${control.findings.duplicates > 0 ? 'caught' : '**not caught**'}` : 'not run'}.
  A suite that passes the control would prove nothing, so it fails then.
- **Recovery** runs from the fault to the next committed result, in the partition with the longest pause; the columns have the median fault and the worst.
  It includes the session timeout of ${SESSION_MS / 1_000} s (30 s by default) and the start of a process.
- **The seed** gives kill points, kill times and their order, but not the rest of the work at those moments.
  A second run with the same seed hurts the same places and not the same records.
- **\`workers.crashes\`** is 100 here, in place of 2.
  A process that is killed from outside while a suspect record is alone with the model looks like one that the record killed.
  After two of those a child process clears the record, but after four it is rejected as PROCESS_CRASH in any case.
  Where processes are killed as often as here, raise it.
- **A broker without a replica** is not restarted here.
  When the only broker ends while a transaction is being committed, Kafka itself can lose the markers of the commit, and the records of the transaction are stored again.
  Exactly once needs a replication factor of 2 or more.
${around.notTried.map(each => `- Not tried: ${each}.\n`).join('')}`;
}

/** Claims no more than what ran: a scenario that was left out has shown nothing. */
function heldText(notTried: readonly string[], results: readonly Result[]): string {
  const unread = sum(results, each => each.unread);
  const second = unread > 0 ? ` The second reader did not come to ${unread} records.` : '';
  if (notTried.length === 0) return `Every promise held.${second}`;
  const names = notTried.map(each => each.replace(/:.*/s, '')).join(', ');
  return `Every promise that was tried held; ${notTried.length} scenarios were not tried (${names}).${second}`;
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
  return `## Memory\n\nThe load is steady; a resident set that grows by a tenth in the second half is a failure.\n\n${lines}\n\n`;
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
  return `No failure in ${faults} faults: with 95 % confidence, fewer than 3/${faults} = ${percent} % of such faults break the promise.
The number of faults allows no stronger statement.`;
}

function poison(results: readonly Result[]): string {
  const all = results.map(({ findings }) => findings.poison);
  const exits = sum(results, each => each.processExits);
  return `One record in twenty is poison, in all runs above: tombstones, broken JSON, bad UTF-8, no text, blank text, a text that is no string, empty and oversized values.
${sum(all, each => each.records)} of them were fed, and ${sum(all, each => each.accounted)} had exactly the outcome that they must have, its reason included.
${exits} processes ended by themselves.`;
}

function sum<T>(all: readonly T[], of: (each: T) => number): number {
  return all.reduce((total, each) => total + of(each), 0);
}
