import type { Cluster } from './cluster.js';
import type { Promised } from './result.js';
import type { Stage } from './stage.js';

/** The cluster of a scenario: one broker, one behind its proxy, or three that replicate. */
export type Place = 'single' | 'proxied' | 'three';

export interface World {
  readonly cluster: Cluster;
  /** True for many more of each fault. */
  readonly full: boolean;
  readonly soakMinutes: number;
}

export interface Scenario {
  readonly name: string;
  /** The description of the fault, one line for the report. */
  readonly fault: string;
  readonly promises: readonly Promised[];
  readonly place: Place;
  /** The rate in each stage, in records a second. */
  readonly rate: number;
  /** True for a scenario of the full set only. */
  readonly long?: boolean;
  /** Returns the reason why it cannot run on this machine; undefined if it can. */
  readonly skip?: () => string | undefined;
  /** Hurts the stages while they are fed, and leaves them able to go on. There is one stage for each promise. */
  run(stages: readonly Stage[], world: World): Promise<void>;
}

/** Runs an act on every stage separately, at the same time. */
export function each(act: (stage: Stage, world: World) => Promise<void>): Scenario['run'] {
  return async (stages, world) => {
    await Promise.all(stages.map(stage => act(stage, world)));
  };
}
