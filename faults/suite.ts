import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultArgs } from './args.js';
import { Cluster, type Java } from './cluster.js';
import { compareReaders, type Position, readWithJava } from './console-reader.js';
import { keep } from './evidence.js';
import type { GoldenText } from './golden.js';
import { Random } from './random.js';
import { breaches, type Promised, type Result } from './result.js';
import type { Scenario } from './scenario.js';
import { control, NAIVE } from './scenarios/control.js';
import { Stage } from './stage.js';

export interface SuiteOptions {
  readonly args: FaultArgs;
  readonly java: Java;
  readonly texts: readonly GoldenText[];
  readonly evidence: string;
  readonly log: (line: string) => void;
}

export interface SuiteResult {
  readonly results: readonly Result[];
  /** The control's run; undefined if it was left out. */
  readonly control: Result | undefined;
  /** The failures outside of a verdict, such as a scenario that did not come to its end. */
  readonly failures: readonly string[];
  /** The scenarios that a quick run had no time for, on a machine that is slow or busy. */
  readonly leftOut: readonly string[];
}

/** A quick run starts no scenario after this time, so that it ends within ten minutes. */
const QUICK_START_MS = 7 * 60_000;
const QUICK_LIMIT_MS = 3 * 60_000;
/** Patience with the second reader, first and when it ended too early. */
const QUIET_MS = [6_000, 20_000, 60_000];
const FULL_LIMIT_MS = 30 * 60_000;

/**
 * Runs the scenarios in two lanes, since most of the time is spent waiting for sessions to end. The first lane hurts
 * members, on one broker. The second hurts the network to another broker, and then hurts brokers, on three.
 */
export class Suite {
  readonly #options: SuiteOptions;
  readonly #failures: string[] = [];
  readonly #leftOut: string[] = [];
  readonly #started = performance.now();
  #control: Result | undefined;

  constructor(options: SuiteOptions) {
    this.#options = options;
  }

  async run(scenarios: readonly Scenario[]): Promise<SuiteResult> {
    const at = (place: Scenario['place']) => scenarios.filter(each => each.place === place);
    const members = this.#on(1, at('single'));
    const brokers = this.#on(1, at('proxied')).then(async results => [...results, ...(await this.#on(3, at('three')))]);
    const [first, second] = await Promise.all([members, brokers]);
    const order = scenarios.map(({ name }) => name);
    const results = [...first, ...second].sort((a, b) => order.indexOf(a.scenario) - order.indexOf(b.scenario));
    return { results, control: this.#control, failures: this.#failures, leftOut: this.#leftOut };
  }

  async #on(size: 1 | 3, scenarios: readonly Scenario[]): Promise<Result[]> {
    if (scenarios.length === 0 || scenarios.every(each => this.#isTooLateFor(each))) return [];
    const { java, log } = this.#options;
    const started = performance.now();
    const cluster = await Cluster.start(java, size);
    log(`${size === 1 ? 'one broker' : 'three brokers'} up in ${((performance.now() - started) / 1_000).toFixed(1)} s`);
    try {
      const results: Result[] = [];
      for (const scenario of scenarios) {
        if (!this.#isTooLateFor(scenario)) results.push(...(await this.#try(scenario, cluster)));
      }
      return await this.#readAgain(cluster, results);
    } finally {
      await cluster.stop();
    }
  }

  #isTooLateFor({ name }: Scenario): boolean {
    if (this.#options.args.full || performance.now() - this.#started < QUICK_START_MS) return false;
    if (!this.#leftOut.includes(name)) {
      this.#leftOut.push(name);
      this.#options.log(`left out: ${name}: a quick run has no time for it on this machine`);
    }
    return true;
  }

  async #try(scenario: Scenario, cluster: Cluster): Promise<Result[]> {
    try {
      return await this.#scenario(scenario, cluster);
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#options.log(`${scenario.name} did not come to its end: ${what}`);
      this.#failures.push(`${scenario.name} did not come to its end: ${what.split('\n')[0]}`);
      return [];
    }
  }

  async #scenario(scenario: Scenario, cluster: Cluster): Promise<Result[]> {
    const stages: Stage[] = [];
    const heal = () => {
      for (const proxy of cluster.proxies) proxy.heal();
    };
    try {
      for (const promise of scenario.promises) stages.push(await this.#open(scenario, promise, cluster));
      const { full, soakMinutes } = this.#options.args;
      for (const stage of stages) stage.feeder.start();
      await this.#limited(scenario.run(stages, { cluster, full, soakMinutes }));
      heal();
      const results = await Promise.all(stages.map(stage => this.#finish(scenario, stage)));
      if (scenario !== control) return results;
      [this.#control] = results;
      return [];
    } finally {
      heal();
      await Promise.all(stages.map(stage => stage.close()));
    }
  }

  #open(scenario: Scenario, promise: Promised, cluster: Cluster): Promise<Stage> {
    const { args, texts } = this.#options;
    return Stage.open({
      name: `${scenario.name}-${promise}`,
      promise,
      cluster,
      brokers: scenario.place === 'proxied' ? cluster.proxied : cluster.bootstrap,
      random: new Random(args.seed).fork(`${scenario.name} ${promise}`),
      texts,
      rate: scenario.rate,
      ...(scenario === control ? { judging: NAIVE } : {}),
    });
  }

  async #limited(running: Promise<void>): Promise<void> {
    const { full, soakMinutes } = this.#options.args;
    const limitMs = Math.max(full ? FULL_LIMIT_MS : QUICK_LIMIT_MS, soakMinutes * 1.25 * 60_000);
    const limit = new AbortController();
    const late = sleep(limitMs, undefined, { signal: limit.signal, ref: false }).then(() => {
      throw new Error(`it took longer than ${limitMs / 60_000} minutes`);
    });
    // The promise that comes second has no reader any more.
    late.catch(() => {});
    running.catch(() => {});
    await Promise.race([running, late]).finally(() => limit.abort());
  }

  async #finish(scenario: Scenario, stage: Stage): Promise<Result> {
    const { log } = this.#options;
    const result = await stage.finish(scenario);
    const broken = scenario === control ? result.findings.duplicates === 0 : breaches(result).length > 0;
    log(line(result));
    if (broken) {
      for (const complaint of result.complaints.slice(0, 5)) log(`  ${complaint}`);
      for (const note of result.notes) log(`  ${note}`);
      log(`  evidence: ${keep(this.#options.evidence, result, await stage.evidence())}`);
    }
    return result;
  }

  /** Runs the second reader over everything that was written on this cluster, and adds its findings to each result. */
  async #readAgain(cluster: Cluster, results: readonly Result[]): Promise<Result[]> {
    const { log } = this.#options;
    const shown = await this.#shown(cluster, results);
    return results.map(result => {
      const own = new Set([...shown].filter(position => position.startsWith(`${result.scenario}-${result.promise}.`)));
      const { onlyFirst, onlySecond, unread } = compareReaders(result.positions, own);
      const complaints = [
        ...onlyFirst.map(each => `only kafkajs was shown ${each}`),
        ...onlySecond.map(each => `only the console consumer was shown ${each}`),
      ];
      for (const complaint of complaints.slice(0, 5)) log(`  ${complaint}`);
      const note = `not read by the second reader: ${unread.length} of ${result.positions.size} records`;
      if (unread.length > 0) log(`${result.scenario} ${result.promise}: ${note}`);
      return {
        ...result,
        readersDiffer: result.readersDiffer + complaints.length,
        unread: unread.length,
        complaints: [...result.complaints, ...complaints],
      };
    });
  }

  /** Reads again, with more patience, while the second reader ends before the first one's last records. */
  async #shown(cluster: Cluster, results: readonly Result[]): Promise<Set<Position>> {
    const { java, log } = this.#options;
    const first = new Set(results.flatMap(({ positions }) => [...positions]));
    let shown = new Set<Position>();
    for (const quietMs of QUIET_MS) {
      const started = performance.now();
      shown = await readWithJava(java, cluster.bootstrap, quietMs);
      const seconds = ((performance.now() - started) / 1_000).toFixed(1);
      const { unread } = compareReaders(first, shown);
      const late = unread.length > 0 ? `, and ended before ${unread.length} others` : '';
      log(`the console consumer was shown ${shown.size} records (${seconds} s)${late}`);
      if (unread.length === 0) break;
    }
    return shown;
  }
}

function line(result: Result): string {
  const { scenario, promise, faults, findings, seconds, abortedSeen } = result;
  const broken = breaches(result);
  const holds = broken.length === 0 ? 'holds' : `BROKEN: ${broken.join(', ')}`;
  const isControl = scenario === control.name;
  const caught = findings.duplicates > 0 ? 'caught, as it has to be' : 'NOT CAUGHT';
  return (
    `${scenario} ${isControl ? 'naive' : promise}: ${faults} faults, ${findings.records} records, ${findings.missing} missing, ` +
    `${findings.duplicates} duplicates (${findings.differing} differing), ${abortedSeen} aborted, ${seconds.toFixed(0)} s: ${isControl ? caught : holds}`
  );
}
