import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { packageFile } from '../src/package.js';
import { burstyDay } from './day.js';
import type { Autoscaling, ScalingRules } from './hpa.js';
import { type Outcome, type Plant, simulate } from './simulate.js';

const SCALED_OBJECT = 'deploy/k8s/components/keda/scaled-object.yaml';
const SEEDS = [1, 2, 3, 4, 5];
/**
 * Stand-still and start are longer than the measured values (docs/scaling.md): a pod is also placed on a node, and a
 * node may have to pull the image.
 */
export const PLANT: Plant = {
  partitions: 12,
  perInstance: 1_000,
  startSeconds: 30,
  standStillSeconds: 3,
  syncSeconds: 15,
  commitSeconds: 1,
};

/** The default behaviour of a HorizontalPodAutoscaler. */
const DEFAULT_BEHAVIOR: { scaleUp: ScalingRules; scaleDown: ScalingRules } = {
  scaleUp: {
    stabilizationWindowSeconds: 0,
    policies: [
      { type: 'Percent', value: 100, periodSeconds: 15 },
      { type: 'Pods', value: 4, periodSeconds: 15 },
    ],
  },
  scaleDown: { stabilizationWindowSeconds: 300, policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
};

/** Returns the values of the manifest. */
export function shippedRules(): Autoscaling {
  const { spec } = parse(readFileSync(packageFile(SCALED_OBJECT), 'utf8'));
  return {
    minReplicas: spec.minReplicaCount,
    maxReplicas: spec.maxReplicaCount,
    lagThreshold: Number(spec.triggers[0].metadata.lagThreshold),
    ...spec.advanced.horizontalPodAutoscalerConfig.behavior,
  };
}

/** Returns the contestants by name. The others have the bounds of our manifest for the number of replicas. */
export function contestants(): ReadonlyMap<string, Autoscaling> {
  const ours = shippedRules();
  const fixed = (replicas: number) => ({ ...ours, minReplicas: replicas, maxReplicas: replicas });
  return new Map([
    ['ours', ours],
    ['our threshold, default behaviour', { ...ours, ...DEFAULT_BEHAVIOR }],
    ["KEDA's defaults (`lagThreshold` 10)", { ...ours, lagThreshold: 10, ...DEFAULT_BEHAVIOR }],
    [`always ${ours.maxReplicas}`, fixed(ours.maxReplicas)],
    ['always 5', fixed(5)],
  ]);
}

export type Days = ReadonlyMap<string, readonly Outcome[]>;

/** Simulates every contestant over the same days. */
export function allDays(): Days {
  const days = SEEDS.map(burstyDay);
  return new Map([...contestants()].map(([name, rules]) => [name, days.map(day => simulate(day, PLANT, rules))]));
}

/** Returns the simulated part of docs/scaling.md. */
export function autoscalerPart(): string {
  const days = allDays();
  const [first, naive] = [...days.values()].map(([day]) => day as Outcome);
  return `There are ${SEEDS.length} days (seeds ${SEEDS[0]} to ${SEEDS.at(-1)}), each with a night of 300 and an evening of 4,200 records a second.
Each has 14 bursts of 1 to 20 minutes, of two to four times the rate at that hour.
An instance does ${PLANT.perInstance} texts/s, and has its partitions ${PLANT.startSeconds} s after it was asked for.
Every join or leave stops the group for ${PLANT.standStillSeconds} s.
_Behind_ is the age of the oldest waiting record, second by second; the worst is that of all days, and the other figures are means of the days.

| autoscaler | pod-hours a day | behind, worst | behind, p99 | changes a day | stood still a day |
| --- | ---: | ---: | ---: | ---: | ---: |
${[...days].map(([name, outcomes]) => row(name, outcomes)).join('\n')}

The first day, hour by hour: records a second (mean), and the instances at the end of every fifth minute, as hexadecimal digits.

\`\`\`text output
hour  records/s  ours          default behaviour
${plot(first as Outcome, naive as Outcome)}
\`\`\`
`;
}

function row(name: string, days: readonly Outcome[]): string {
  const mean = (of: (day: Outcome) => number) => days.reduce((sum, day) => sum + of(day), 0) / days.length;
  const cells = [
    name,
    mean(day => day.podHours).toFixed(0),
    `${Math.max(...days.map(day => day.worstBehind))} s`,
    `${mean(day => day.p99Behind).toFixed(0)} s`,
    mean(day => day.changes).toFixed(0),
    `${mean(day => day.stoodStill).toFixed(0)} s`,
  ];
  return `| ${cells.join(' | ')} |`;
}

function plot(ours: Outcome, naive: Outcome): string {
  const day = burstyDay(SEEDS[0] ?? 0);
  return Array.from({ length: 24 }, (_, hour) => {
    const rate = day.slice(hour * 3_600, (hour + 1) * 3_600).reduce((sum, each) => sum + each, 0) / 3_600;
    const digits = ({ replicas }: Outcome) =>
      Array.from({ length: 12 }, (_, i) => (replicas[hour * 60 + i * 5 + 4] ?? 0).toString(16)).join('');
    return `${String(hour).padStart(4)}  ${rate.toFixed(0).padStart(9)}  ${digits(ours)}  ${digits(naive)}`;
  }).join('\n');
}
