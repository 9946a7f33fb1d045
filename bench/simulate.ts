import { type Autoscaling, Hpa } from './hpa.js';

/** The parameters that do not depend on the autoscaler. */
export interface Plant {
  readonly partitions: number;
  /** The texts/s of an instance. */
  readonly perInstance: number;
  /** The time from the decision to a pod's share of the partitions. */
  readonly startSeconds: number;
  /** The time for which the whole group stands still when a member joins or leaves. */
  readonly standStillSeconds: number;
  /** The interval at which the controller decides. */
  readonly syncSeconds: number;
  /** The records that always count as lag, since they are stored and not committed yet, in seconds of the arrivals. */
  readonly commitSeconds: number;
}

export interface Outcome {
  readonly podHours: number;
  /** The age of the oldest waiting record, in seconds. */
  readonly worstBehind: number;
  readonly p99Behind: number;
  /** The decisions that changed the number of replicas. */
  readonly changes: number;
  /** The seconds of the day in which the whole group stood still. */
  readonly stoodStill: number;
  /** The replicas at the end of each minute. */
  readonly replicas: readonly number[];
  readonly behind: readonly number[];
}

/**
 * Simulates a day of a group under an autoscaler, second by second. A fixed number of replicas is an autoscaler whose
 * least and most are the same.
 */
export function simulate(arrivals: Float64Array, plant: Plant, rules: Autoscaling): Outcome {
  const group = new SimulatedGroup(arrivals, plant);
  const hpa = new Hpa(rules);
  let replicas = rules.minReplicas;
  let changes = 0;
  group.begin(replicas);
  const seen = { podSeconds: 0, stoodStill: 0, behind: [] as number[], replicas: [] as number[] };
  for (let now = 0; now < arrivals.length; now++) {
    group.second(now);
    seen.podSeconds += replicas;
    seen.stoodStill += group.standsStill(now) ? 1 : 0;
    seen.behind.push(group.behind(now));
    seen.replicas.push(replicas);
    if (now % plant.syncSeconds > 0) continue;
    const next = hpa.decide(now, { lag: group.lag(now, rules.lagThreshold), replicas });
    if (next !== replicas) changes++;
    group.resize(now, next - replicas);
    replicas = next;
  }
  const minutes = (values: readonly number[]) => values.filter((_, second) => second % 60 === 59);
  const sorted = [...seen.behind].sort((a, b) => a - b);
  return {
    podHours: seen.podSeconds / 3_600,
    worstBehind: sorted.at(-1) ?? 0,
    p99Behind: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
    changes,
    stoodStill: seen.stoodStill,
    replicas: minutes(seen.replicas),
    behind: minutes(seen.behind),
  };
}

/**
 * The partitions, each with the same part of the arrivals, shared among members as equally as whole partitions allow.
 */
class SimulatedGroup {
  readonly #plant: Plant;
  readonly #arrivals: Float64Array;
  /** The records of one partition that have arrived by the end of each second. */
  readonly #come: Float64Array;
  readonly #done: Float64Array;
  /** The second up to which each partition's records are done. */
  readonly #reached: Uint32Array;
  #members = 0;
  #joining: number[] = [];
  #stillUntil = 0;

  constructor(arrivals: Float64Array, plant: Plant) {
    this.#plant = plant;
    this.#arrivals = arrivals;
    this.#come = new Float64Array(arrivals.length);
    let sum = 0;
    arrivals.forEach((count, second) => {
      sum += count / plant.partitions;
      this.#come[second] = sum;
    });
    this.#done = new Float64Array(plant.partitions);
    this.#reached = new Uint32Array(plant.partitions);
  }

  begin(members: number): void {
    this.#members = members;
  }

  /**
   * Changes the number of pods. New pods join when they have started. Pods are removed at once, starting pods first.
   */
  resize(now: number, by: number): void {
    for (let i = 0; i < by; i++) this.#joining.push(now + this.#plant.startSeconds);
    for (let i = 0; i < -by; i++) {
      if (this.#joining.pop() !== undefined) continue;
      this.#members--;
      this.#stillUntil = now + 1 + this.#plant.standStillSeconds;
    }
  }

  standsStill(now: number): boolean {
    return now < this.#stillUntil;
  }

  second(now: number): void {
    const joined = this.#joining.filter(at => at <= now);
    this.#joining = this.#joining.filter(at => at > now);
    this.#members += joined.length;
    if (joined.length > 0) this.#stillUntil = now + this.#plant.standStillSeconds;
    if (this.standsStill(now)) return;
    for (let member = 0; member < this.#members; member++) this.#work(member, now);
  }

  /** Returns the age of the oldest record that waits. */
  behind(now: number): number {
    let worst = 0;
    this.#done.forEach((done, partition) => {
      let at = this.#reached[partition] ?? 0;
      while (at <= now && (this.#come[at] ?? 0) <= done + 1e-6) at++;
      this.#reached[partition] = at;
      worst = Math.max(worst, now + 1 - at);
    });
    return worst;
  }

  /** Returns the lag as KEDA reports it: no more than a threshold for each partition (`allowIdleConsumers: false`). */
  lag(now: number, lagThreshold: number): number {
    const come = (this.#come[now] ?? 0) * this.#plant.partitions;
    const uncommitted = (this.#arrivals[now] ?? 0) * this.#plant.commitSeconds;
    const lag = come - this.#done.reduce((sum, done) => sum + done, 0) + uncommitted;
    return Math.min(lag, lagThreshold * this.#plant.partitions);
  }

  /** Simulates a second of one member: its partitions take turns until its time or their records are used up. */
  #work(member: number, now: number): void {
    let time = this.#plant.perInstance;
    let own = Array.from(this.#done.keys()).filter(partition => partition % this.#members === member);
    while (time > 1e-6 && own.length > 0) {
      const share = time / own.length;
      for (const partition of own) {
        const waiting = (this.#come[now] ?? 0) - (this.#done[partition] ?? 0);
        const taken = Math.min(share, waiting);
        this.#done[partition] = (this.#done[partition] ?? 0) + taken;
        time -= taken;
      }
      own = own.filter(partition => (this.#come[now] ?? 0) - (this.#done[partition] ?? 0) > 1e-6);
    }
  }
}
