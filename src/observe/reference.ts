import { REJECT_REASONS, SKIP_REASONS } from '../ports.js';
import { METRICS, type MetricDefinition } from './list.js';

/** docs/metrics.md, from the list. */
export function renderMetricsMarkdown(): string {
  const rows = Object.entries(METRICS).map(([name, metric]) => row(name, metric));
  return `# Metrics

This page is generated from \`src/observe/list.ts\`; \`npm run docs\` writes it.

\`/metrics\` serves these in the Prometheus text format, beside Node's own (\`process_*\`, \`nodejs_*\`). The same counts, and
quantiles of the same durations, go out every \`metrics.windowSeconds\` as Avro records on \`output.metricsTopic\`
(\`schemas/metrics-window.avsc\`): a window is the difference of these counters over its time. Alerts on them: [alerts.md](alerts.md).

The conservation law: **consumed = labelled + rejected + skipped + revoked + in flight**, at every moment, for every instance, and for
every input partition (\`siftline_partition_records_total\`). It is checked record by record as batches end: one that was taken and
has no outcome, or a second one, counts in \`siftline_ledger_breaches_total\` and is named, by its place alone, in the log line \`ledger_broken\`.

\`reason\` of a rejected record, in \`siftline_records_total\`, the metrics records and the header \`siftline.error.code\`, is one of
${REJECT_REASONS.map(reason => `\`${reason}\``).join(', ')}; of a skipped one: ${SKIP_REASONS.map(reason => `\`${reason}\``).join(', ')}.

| metric | type | labels | what it counts | what a bad value means |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

function row(name: string, { type, help, labels, watch }: MetricDefinition): string {
  return `| \`${name}\` | ${type} | ${labels.map(label => `\`${label}\``).join(', ')} | ${help} | ${watch} |`;
}
