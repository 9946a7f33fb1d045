/**
 * The scaling rules as in `behavior` of a HorizontalPodAutoscaler. Only `selectPolicy: Max`, the default, is computed.
 */
export interface ScalingRules {
  readonly stabilizationWindowSeconds: number;
  readonly policies: ReadonlyArray<{ readonly type: string; readonly value: number; readonly periodSeconds: number }>;
}

export interface Autoscaling {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** The records of lag that an instance may have. */
  readonly lagThreshold: number;
  readonly scaleUp: ScalingRules;
  readonly scaleDown: ScalingRules;
}

interface Change {
  readonly at: number;
  readonly by: number;
}

/** The controller leaves the number of replicas alone while the lag is within a tenth of its target. */
const TOLERANCE = 0.1;
const LONGEST_SECONDS = 3_600;

/**
 * Computes the HorizontalPodAutoscaler's arithmetic for one external metric of type AverageValue, as the controller
 * does: lag over threshold, a tolerance, the stabilisation windows, then the policies. Times are in seconds.
 */
export class Hpa {
  readonly #rules: Autoscaling;
  #wishes: Array<{ readonly at: number; readonly replicas: number }> = [];
  #changes: Change[] = [];

  constructor(rules: Autoscaling) {
    this.#rules = rules;
  }

  /** Returns the number of replicas from now on. */
  decide(now: number, { lag, replicas }: { lag: number; replicas: number }): number {
    const wish = this.#wish(lag, replicas);
    const calm = this.#stabilised(now, { wish, replicas });
    const next = this.#limited(now, { wanted: calm, replicas });
    if (next !== replicas) this.#changes.push({ at: now, by: next - replicas });
    this.#changes = this.#changes.filter(({ at }) => at > now - LONGEST_SECONDS);
    return next;
  }

  #wish(lag: number, replicas: number): number {
    const { lagThreshold, minReplicas, maxReplicas } = this.#rules;
    const ratio = lag / (lagThreshold * replicas);
    const wish = Math.abs(1 - ratio) <= TOLERANCE ? replicas : Math.ceil(lag / lagThreshold);
    return Math.min(maxReplicas, Math.max(minReplicas, wish));
  }

  /** Limits an increase to the least wish of its window, and a decrease to the largest wish of the other window. */
  #stabilised(now: number, { wish, replicas }: { wish: number; replicas: number }): number {
    const { scaleUp, scaleDown } = this.#rules;
    this.#wishes.push({ at: now, replicas: wish });
    this.#wishes = this.#wishes.filter(({ at }) => at > now - LONGEST_SECONDS);
    const within = (seconds: number) =>
      this.#wishes.filter(({ at }) => at > now - seconds || at === now).map(each => each.replicas);
    const least = Math.min(...within(scaleUp.stabilizationWindowSeconds));
    const most = Math.max(...within(scaleDown.stabilizationWindowSeconds));
    return Math.min(Math.max(replicas, least), most);
  }

  /** Limits the change to the most generous policy within its period. */
  #limited(now: number, { wanted, replicas }: { wanted: number; replicas: number }): number {
    const { scaleUp, scaleDown } = this.#rules;
    const before = (seconds: number) =>
      replicas - this.#changes.filter(({ at }) => at > now - seconds).reduce((sum, { by }) => sum + by, 0);
    if (wanted > replicas) {
      const most = scaleUp.policies.map(({ type, value, periodSeconds }) =>
        type === 'Percent' ? Math.ceil(before(periodSeconds) * (1 + value / 100)) : before(periodSeconds) + value,
      );
      return Math.min(wanted, Math.max(replicas, ...most));
    }
    const least = scaleDown.policies.map(({ type, value, periodSeconds }) =>
      type === 'Percent' ? Math.floor(before(periodSeconds) * (1 - value / 100)) : before(periodSeconds) - value,
    );
    return Math.max(wanted, Math.min(replicas, ...least));
  }
}
