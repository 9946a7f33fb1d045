import type { Scenario } from '../scenario.js';
import { brokers } from './brokers.js';
import { clock } from './clock.js';
import { failPoints } from './fail-points.js';
import { killStorm } from './kill-storm.js';
import { lostResponses } from './lost-responses.js';
import { network } from './network.js';
import { rebalanceStorm } from './rebalance-storm.js';
import { rollingUpgrade } from './rolling-upgrade.js';
import { soak } from './soak.js';
import { twoFaults } from './two-faults.js';
import { workerCrash } from './worker-crash.js';
import { zombies } from './zombies.js';

/** All scenarios but the control. The poison has no entry: one record in twenty is poison in all of them. */
export const SCENARIOS: readonly Scenario[] = [
  failPoints,
  killStorm,
  zombies,
  rebalanceStorm,
  workerCrash,
  clock,
  soak,
  rollingUpgrade,
  ...lostResponses,
  ...network,
  brokers,
  ...twoFaults,
];
