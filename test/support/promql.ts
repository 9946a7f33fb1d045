import { FATES } from '../../src/observe/ledger.js';
import { METRICS, type MetricDefinition, STAGES } from '../../src/observe/list.js';
import { REJECT_REASONS, SKIP_REASONS } from '../../src/ports.js';

/** A metric in an expression. */
export interface Selector {
  readonly name: string;
  /** The label matchers with their braces, or empty. */
  readonly labels: string;
  /** The function around the metric, if there is one. */
  readonly within: string | undefined;
}

type Kind = MetricDefinition['type'] | 'recorded';

/** The metrics that are not siftline's: Prometheus' own, and prom-client's metrics of the process. */
const OTHERS: Readonly<Record<string, Kind>> = {
  up: 'gauge',
  ALERTS: 'gauge',
  process_start_time_seconds: 'gauge',
  process_cpu_seconds_total: 'counter',
  process_resident_memory_bytes: 'gauge',
  nodejs_heap_size_used_bytes: 'gauge',
  nodejs_eventloop_lag_p99_seconds: 'gauge',
};

/** The labels that Prometheus adds, or that its alerts have. */
const ADDED = ['namespace', 'job', 'instance', 'alertname', 'alertstate', 'severity'];

/** The labels with a closed list of values. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  'siftline_records_total outcome': FATES.filter(fate => fate !== 'consumed' && fate !== 'revoked'),
  'siftline_records_total reason': [...REJECT_REASONS, ...SKIP_REASONS],
  'siftline_partition_records_total outcome': FATES,
  'siftline_transactions_total outcome': ['committed', 'failed', 'fenced'],
  'siftline_explanations_total result': ['given', 'skipped'],
  'siftline_tokens_total kind': ['text', 'padding'],
  'siftline_stage_duration_seconds stage': STAGES,
};

const OF_COUNTERS = ['rate', 'increase', 'irate'];
const OF_GAUGES = ['delta', 'deriv', 'predict_linear', 'avg_over_time', 'max_over_time', 'min_over_time'];
const GROUPING = /\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
const WORDS = ['and', 'or', 'unless', 'offset', 'bool', 'group_left', 'group_right'];
const NAMES = /(?<![\w:.$"])([a-zA-Z_:][\w:]*)(\s*\{[^}]*\})?(?!\w|\s*\()/g;

/**
 * Returns the metrics of an expression, in their order. It understands as much PromQL as deploy/ uses; promtool reads
 * the rest.
 */
export function selectorsOf(expression: string): Selector[] {
  const text = expression.replace(GROUPING, '').replace(/\[[^\]]*\]/g, '');
  return [...text.matchAll(NAMES)]
    .filter(([, name = '']) => !WORDS.includes(name))
    .map(({ 1: name = '', 2: labels = '', index }) => ({
      name,
      labels: labels.trim(),
      within: /(\w+)\(\s*$/.exec(text.slice(0, index))?.[1],
    }));
}

/**
 * Returns the problems of an expression: metrics and labels that the program does not have, and functions that do not
 * fit the type of a metric.
 */
export function problemsOf(expression: string, recorded: ReadonlySet<string>): string[] {
  const known = new Set(ADDED);
  const problems: string[] = [];
  for (const selector of selectorsOf(expression)) {
    const { base, kind, labels } = metricOf(selector.name, recorded);
    if (!kind) problems.push(`${selector.name} is no metric`);
    for (const label of labels) known.add(label);
    problems.push(...wrongUse(selector, kind), ...wrongLabels(selector, base, labels));
  }
  // The series of the rules have the labels that their expressions keep.
  const grouped = [...expression.matchAll(GROUPING)].flatMap(([, , labels = '']) => labels.split(/\s*,\s*/));
  for (const label of grouped) {
    if (label !== '' && !known.has(label)) problems.push(`no metric here has the label ${label}`);
  }
  return problems;
}

function metricOf(name: string, recorded: ReadonlySet<string>) {
  if (recorded.has(name)) return { base: name, kind: 'recorded' as Kind, labels: [] };
  if (name in OTHERS) return { base: name, kind: OTHERS[name], labels: [] };
  const list: Readonly<Record<string, MetricDefinition>> = METRICS;
  const base = list[name] ? name : name.replace(/_(bucket|sum|count)$/, '');
  const metric = list[base];
  if (!metric || (base !== name && metric.type !== 'histogram')) return { base, kind: undefined, labels: [] };
  // A histogram has no series under its own name; its parts are counters.
  const kind: Kind | undefined = base === name ? (metric.type === 'histogram' ? undefined : metric.type) : 'counter';
  return { base, kind, labels: name.endsWith('_bucket') ? [...metric.labels, 'le'] : metric.labels };
}

function wrongUse({ name, within = '' }: Selector, kind: Kind | undefined): string[] {
  if (OF_COUNTERS.includes(within) && kind === 'gauge') return [`${within} of the gauge ${name}`];
  // A recorded counter is one if its name ends in `:total`.
  if (OF_COUNTERS.includes(within) && kind === 'recorded' && !name.endsWith(':total'))
    return [`${within} of ${name}, which is no counter`];
  if (OF_GAUGES.includes(within) && kind === 'counter') return [`${within} of the counter ${name}`];
  return [];
}

function wrongLabels({ name, labels }: Selector, base: string, has: readonly string[]): string[] {
  return [...labels.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)].flatMap(([, label = '', value = '']) => {
    if (ADDED.includes(label)) return [];
    if (!has.includes(label)) return [`${name} has no label ${label}`];
    const values = VALUES[`${base} ${label}`];
    return values ? value.split('|').flatMap(each => (values.includes(each) ? [] : [`${label} is never ${each}`])) : [];
  });
}
