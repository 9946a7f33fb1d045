import type { DemoTopics } from './topics.js';

export interface StageSetting {
  readonly bootstrap: string;
  readonly topics: DemoTopics;
  readonly model: string;
  readonly workers: number | undefined;
}

/** The arguments of the demo's `siftline run`; what is siftline's default is left out, so that they can be read. */
export function stageArgs({ bootstrap, topics, model, workers }: StageSetting): string[] {
  const ofThisRun = topics.group !== 'siftline';
  const sets = {
    ...(ofThisRun ? { 'output.labelsTopic': topics.labels } : {}),
    ...(ofThisRun ? { 'output.rejectedTopic': topics.rejected } : {}),
    ...(ofThisRun ? { 'output.metricsTopic': topics.metrics } : {}),
    'metrics.host': '127.0.0.1',
    'metrics.port': '0',
    'metrics.windowSeconds': '1',
    // The demo's few texts come again and again: its figures are of texts that are computed.
    'cache.maxBytes': '0',
  };
  return [
    ...['--brokers', bootstrap, '--model', model],
    ...(workers === undefined ? [] : ['--workers', String(workers)]),
    ...(ofThisRun ? ['--topics', topics.texts, '--group', topics.group] : []),
    ...Object.entries(sets).flatMap(([field, value]) => ['--set', `${field}=${value}`]),
  ];
}

/** The environment without siftline's own variables: the demo is the same whatever is configured around it. */
export function stageEnv(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('SIFTLINE_')));
}
