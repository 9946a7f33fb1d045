/**
 * Renders deploy/grafana/dashboards/siftline.json from a list of panels: a title, a unit, and PromQL by legend. `npm
 * run docs` writes it. In an expression `$S` is replaced by the labels that the variables at the top choose.
 */

const SELECTED = 'job=~"$job",instance=~"$instance"';
const WIDTH = 8;
const HEIGHT = 8;
const COLUMNS = 24;
const DATASOURCE = { type: 'prometheus', uid: '$datasource' };

const rate = selector => `rate(${selector}[$__rate_interval])`;
const quantile = (q, name, by = 'le') =>
  `histogram_quantile(${q}, sum by (${by}) (${rate(`siftline_${name}_seconds_bucket{$S}`)}))`;
const total = (name, by) => `sum by (${by}) (${rate(`siftline_${name}_total{$S}`)})`;
const mean = name =>
  `sum by (job) (${rate(`siftline_${name}_sum{$S}`)}) / sum by (job) (${rate(`siftline_${name}_count{$S}`)})`;

/** The rows of panels. A line of a rule (job:...) shows the whole stage, whatever instance is chosen. */
const ROWS = {
  Overview: [
    panel('Outcomes a second', 'ops', {
      '{{job}} {{outcome}}': total('records', 'job, outcome'),
    }),
    panel(
      'Behind',
      's',
      {
        '{{job}}': 'job:siftline_lag:seconds{job=~"$job"}',
        '{{job}} objective': 'job:siftline_objective_lag:seconds{job=~"$job"}',
      },
      'What a record that arrives now waits for: backlog / rate of outcomes. No line while nothing moves.',
    ),
    panel(
      'End to end',
      's',
      { p50: quantile(0.5, 'end_to_end_latency'), p99: quantile(0.99, 'end_to_end_latency') },
      "From the record's own time to its outcome being stored, of what was stored.",
    ),
    panel('Rejected, share by reason', 'percentunit', {
      '{{job}} {{reason}}': `sum by (job, reason) (${rate('siftline_records_total{$S,outcome="rejected"}')}) / on (job) group_left sum by (job) (${rate('siftline_records_total{$S}')})`,
    }),
    panel('Slower than the limit, share', 'percentunit', {
      '{{job}} 5 minutes': 'job:siftline_slow:ratio_rate5m{job=~"$job"}',
      '{{job}} 1 hour': 'job:siftline_slow:ratio_rate1h{job=~"$job"}',
      '{{job}} objective': 'job:siftline_objective_slow:ratio{job=~"$job"}',
    }),
    panel('Instances', 'short', {
      '{{job}} ready': 'sum by (job) (siftline_ready{$S})',
      '{{job}} answering': 'count by (job) (siftline_build_info{$S})',
    }),
    panel('Backlog by partition', 'short', {
      '{{topic}} {{partition}}': 'max by (topic, partition) (siftline_consumer_lag_records{$S})',
    }),
    panel('Alerts', 'short', {
      '{{alertname}} {{severity}}':
        'sum by (alertname, severity) (ALERTS{alertname=~"Siftline.*",alertstate="firing",job=~"$job"})',
    }),
    panel('Versions', 'short', {
      'siftline {{version}}, Node {{node}}': 'count by (version, node) (siftline_build_info{$S})',
    }),
  ],
  Stages: [
    panel('Time of a batch, p99', 's', { '{{stage}}': quantile(0.99, 'stage_duration', 'stage, le') }),
    panel('Time of a batch, median', 's', { '{{stage}}': quantile(0.5, 'stage_duration', 'stage, le') }),
    panel(
      'Seconds of work a second',
      'short',
      { '{{stage}}': `sum by (stage) (${rate('siftline_stage_duration_seconds_sum{$S}')})` },
      'infer near the number of threads: the CPUs are the limit. queue is waiting, not work.',
    ),
    panel('Batch, mean', 'short', { '{{job}} records': mean('batch_records'), '{{job}} tokens': mean('batch_tokens') }),
    panel('Records on their way', 'short', {
      '{{instance}} in flight': 'siftline_in_flight_records{$S}',
      '{{instance}} held': 'siftline_held_records{$S}',
    }),
    panel('Bytes held', 'bytes', { '{{instance}}': 'siftline_held_bytes{$S}' }),
  ],
  Model: [
    panel('Labels a second', 'ops', { '{{task}} {{label}}': total('labels', 'task, label') }),
    panel('Labels, share within the task', 'percentunit', {
      '{{task}} {{label}}': `${total('labels', 'task, label')} / on (task) group_left sum by (task) (${rate('siftline_labels_total{$S}')})`,
    }),
    panel('Tokens a second', 'ops', { '{{kind}}': total('tokens', 'kind') }),
    panel(
      'Padding, share of the tokens',
      'percentunit',
      {
        '{{job}}': `sum by (job) (${rate('siftline_tokens_total{$S,kind="padding"}')}) / sum by (job) (${rate('siftline_tokens_total{$S}')})`,
      },
      'Above 0.2, raise workers.batchMs, so that more texts are sorted together.',
    ),
    panel('Long texts a second', 'ops', {
      '{{job}} cut off': total('texts_truncated', 'job'),
      '{{job}} windows': total('windows', 'job'),
    }),
    panel(
      'Kept answers, share of the texts',
      'percentunit',
      {
        '{{result}}': `${total('cache_texts', 'result')} / on () group_left sum(${rate('siftline_cache_texts_total{$S}')})`,
      },
      'hit: answered from memory; merged: the same text was under way; miss: computed.',
    ),
    panel('Bytes of kept answers', 'bytes', { '{{instance}}': 'siftline_cache_bytes{$S}' }),
    panel('Texts a second, by the model of a cascade', 'ops', {
      '{{answered_by}}': total('cascade_texts', 'answered_by'),
    }),
    panel('Explanations a second', 'ops', { '{{result}}': total('explanations', 'result') }),
    panel('Models', 'short', {
      '{{name}} {{version}} {{precision}} {{sha256}}':
        'count by (name, version, precision, sha256) (siftline_model_info{$S})',
      '{{name}} {{identity}}': 'count by (name, identity) (siftline_model_identity_info{$S})',
    }),
  ],
  'Workers and process': [
    panel('CPUs', 'short', {
      '{{instance}} used': rate('process_cpu_seconds_total{$S}'),
      '{{instance}} threads': 'siftline_workers{$S}',
    }),
    panel('Memory', 'bytes', {
      '{{instance}} resident': 'process_resident_memory_bytes{$S}',
      '{{instance}} heap': 'nodejs_heap_size_used_bytes{$S}',
    }),
    panel(
      'Event loop, p99 of its lag',
      's',
      { '{{instance}}': 'nodejs_eventloop_lag_p99_seconds{$S}' },
      'High: the main thread (Kafka, JSON, Avro) is busy; heartbeats come late.',
    ),
    panel('Inference threads that died, in an hour', 'short', {
      '{{instance}}': 'increase(siftline_worker_restarts_total{$S}[1h])',
    }),
    panel('Time since the start', 's', { '{{instance}}': 'time() - process_start_time_seconds{$S}' }),
  ],
  Kafka: [
    panel('Held back by quotas, share of the time', 'percentunit', { '{{job}}': total('throttled_seconds', 'job') }),
    panel('Sends repeated a second', 'ops', { '{{job}}': total('publish_retries', 'job') }),
    panel('Transactions a second', 'ops', { '{{outcome}}': total('transactions', 'outcome') }),
    panel('Commits a second', 'ops', {
      '{{instance}}': rate('siftline_stage_duration_seconds_count{$S,stage="commit"}'),
    }),
    panel('Since the last commit', 's', { '{{instance}}': 'time() - siftline_last_commit_timestamp_seconds{$S}' }),
    panel('Rebalances, in an hour', 'short', { '{{instance}}': 'increase(siftline_rebalances_total{$S}[1h])' }),
    panel('Partitions', 'short', {
      '{{instance}} assigned': 'siftline_assigned_partitions{$S}',
      '{{instance}} paused': 'siftline_paused_partitions{$S}',
    }),
    panel('Partitions that no member reads', 'short', {
      '{{topic}}': 'max by (topic) (siftline_unread_partitions{$S})',
    }),
    panel('Waits for the schema registry', 's', {
      '{{topic}} {{partition}}': 'max by (topic, partition) (siftline_registry_wait_seconds{$S})',
    }),
    panel('Metrics records lost, in an hour', 'short', {
      '{{instance}}': 'increase(siftline_metrics_windows_lost_total{$S}[1h])',
    }),
    panel('Log lines given up, in an hour', 'short', {
      '{{instance}}': 'increase(siftline_log_lines_dropped_total{$S}[1h])',
    }),
    panel('Records from the future a second', 'ops', { '{{job}}': total('clock_skew', 'job') }),
  ],
  Ledger: [
    panel(
      'Taken, and not accounted for',
      'short',
      {
        '{{instance}}':
          'siftline_records_consumed_total{$S} - on (job, instance) sum by (job, instance) (siftline_records_total{$S}) - on (job, instance) siftline_records_revoked_total{$S} - on (job, instance) siftline_in_flight_records{$S}',
      },
      'consumed - labelled - rejected - skipped - revoked - in flight: always 0.',
    ),
    panel('Breaches', 'short', { '{{instance}}': 'siftline_ledger_breaches_total{$S}' }),
    panel('Offsets passed over', 'short', {
      '{{topic}} {{partition}}': 'sum by (topic, partition) (siftline_records_lost_total{$S})',
    }),
    panel('By partition, a second', 'ops', {
      '{{topic}} {{partition}} {{outcome}}': total('partition_records', 'topic, partition, outcome'),
    }),
    panel('Taken and given back, a second', 'ops', {
      '{{job}} taken': total('records_consumed', 'job'),
      '{{job}} given back': total('records_revoked', 'job'),
    }),
  ],
};

function panel(title, unit, lines, description) {
  return { title, unit, lines, description };
}

/**
 * Returns the dashboard as Grafana reads it from a file.
 * @returns {string}
 */
export function renderDashboard() {
  const dashboard = {
    uid: 'siftline',
    title: 'siftline',
    description: 'Made by scripts/dashboard.mjs; alerts and their pages: docs/alerts.md',
    tags: ['siftline', 'kafka'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: { list: [datasource(), choice('job', 'siftline_build_info'), choice('instance', instances())] },
    panels: laidOut(),
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

function instances() {
  return 'siftline_build_info{job=~"$job"}';
}

function datasource() {
  return { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' };
}

/** Returns a variable with the values of a label, all of them selected at first. */
function choice(name, of) {
  const query = { query: `label_values(${of}, ${name})`, refId: name };
  const all = { includeAll: true, multi: true, allValue: '.*', current: { text: ['All'], value: ['$__all'] } };
  return { name, type: 'query', datasource: DATASOURCE, definition: query.query, query, refresh: 2, sort: 1, ...all };
}

/** Lays the panels out in rows one below the other, three panels side by side. */
function laidOut() {
  let [id, y] = [0, 0];
  return Object.entries(ROWS).flatMap(([title, panels]) => {
    id += 1;
    const row = { id, type: 'row', title, collapsed: false, panels: [], gridPos: { x: 0, y, w: COLUMNS, h: 1 } };
    y += 1;
    const placed = panels.map((each, i) => {
      id += 1;
      const x = (i * WIDTH) % COLUMNS;
      return graph(each, {
        id,
        gridPos: { x, y: y + Math.floor((i * WIDTH) / COLUMNS) * HEIGHT, w: WIDTH, h: HEIGHT },
      });
    });
    y += Math.ceil((panels.length * WIDTH) / COLUMNS) * HEIGHT;
    return [row, ...placed];
  });
}

function graph({ title, unit, lines, description }, place) {
  const targets = Object.entries(lines).map(([legendFormat, expr], i) => ({
    refId: String.fromCharCode('A'.charCodeAt(0) + i),
    datasource: DATASOURCE,
    expr: expr.replaceAll('$S', SELECTED),
    legendFormat,
  }));
  return {
    ...place,
    type: 'timeseries',
    title,
    ...(description ? { description } : {}),
    datasource: DATASOURCE,
    fieldConfig: {
      defaults: { unit, custom: { axisSoftMin: 0, fillOpacity: 10, showPoints: 'never' } },
      overrides: [],
    },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets,
  };
}
