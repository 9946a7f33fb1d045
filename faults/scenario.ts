import type { Cluster } from './cluster.js';
import type { Promised } from './result.js';
import type { Stage } from './stage.js';

/** Where a scenario runs: one broker, one behind its proxy, or three that replicate. */
export type Place = 'single' | 'proxied' | 'three';

export interface World {
  readonly cluster: Cluster;
  /** Many more of each fault. */
  readonly full: boolean;
  readonly soakMinutes: number;
}

export interface Scenario {
  readonly name: string;
  /** One line for the report. */
  readonly fault: string;
  readonly promises: readonly Promised[];
  readonly place: Place;
  /** Records a second, in each stage. */
  readonly rate: number;
  /** Only in the full set. */
  readonly long?: boolean;
  /** Why it cannot run on this machine; undefined when it can. */
  readonly skip?: () => string | undefined;
  /** Hurts the stages, which are fed meanwhile, and leaves them able to go on. One stage for each promise. */
  run(stages: readonly Stage[], world: World): Promise<void>;
}

/** Every stage by itself, at the same time. */
export function each(act: (stage: Stage, world: World) => Promise<void>): Scenario['run'] {
  return async (stages, world) => {
    await Promise.all(stages.map(stage => act(stage, world)));
  };
}
