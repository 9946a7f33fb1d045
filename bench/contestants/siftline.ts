import type { Child } from '../processes.js';
import type { StreamContestant, Totals } from './contestant.js';

export interface SiftlineOptions {
  readonly name: string;
  readonly title: string;
  readonly count: number;
  readonly model: string;
  readonly threads: number;
  /** Further configuration, by dotted field. */
  readonly sets?: Readonly<Record<string, string>>;
}

/** Runs `siftline run`. The answer cache is off: all texts are different, and the other contestants have no cache. */
export function siftline({ name, title, count, model, threads, sets = {} }: SiftlineOptions): StreamContestant {
  return {
    name,
    title,
    count,
    commands: place => {
      const fields = {
        'kafka.brokers': place.brokers,
        'input.topics': place.input,
        'input.group': place.group,
        'output.labelsTopic': place.output,
        'output.rejectedTopic': place.rejected,
        'output.metricsTopic': place.metrics,
        'metrics.port': '0',
        'cache.maxBytes': '0',
        ...sets,
      };
      const given = Object.entries(fields).flatMap(([field, value]) => ['--set', `${field}=${value}`]);
      const args = ['dist/main.js', 'run', '--model', model, '--workers', String(threads), ...given];
      return [{ command: process.execPath, args }];
    },
    totals: children => totalsOf(children),
  };
}

async function totalsOf([child]: readonly Child[]): Promise<Totals> {
  const listening = await child?.event('listening');
  const metrics = await (await fetch(`http://127.0.0.1:${listening?.port}/metrics`)).text();
  const tokens = seriesOf(metrics, 'siftline_tokens_total{kind="text"}');
  const batches = seriesOf(metrics, 'siftline_stage_duration_seconds_count{stage="infer"}');
  return {
    tokens,
    paddedTokens: tokens + seriesOf(metrics, 'siftline_tokens_total{kind="padding"}'),
    batchInferMs: (seriesOf(metrics, 'siftline_stage_duration_seconds_sum{stage="infer"}') / batches) * 1_000,
  };
}

function seriesOf(metrics: string, series: string): number {
  const line = metrics.split('\n').find(each => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
}
