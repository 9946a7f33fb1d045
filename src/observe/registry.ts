import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type MetricDefinition, type MetricName } from './list.js';

type NamesOf<T extends MetricDefinition['type']> = {
  [N in MetricName]: (typeof METRICS)[N]['type'] extends T ? N : never;
}[MetricName];

/** Gauges of prom-client's that end like counters; each is the sum of the one without `_total`. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** The list of metrics, made real in a registry of its own: typed by name, so that a metric off the list cannot be used. */
export class MetricsRegistry {
  readonly #registry = new Registry();
  readonly #metrics = new Map<string, Counter | Gauge | Histogram>();

  constructor() {
    for (const [name, definition] of Object.entries(METRICS)) this.#metrics.set(name, this.#make(name, definition));
    collectDefaultMetrics({ register: this.#registry });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
  }

  counter(name: NamesOf<'counter'>): Counter {
    return this.#metrics.get(name) as Counter;
  }

  gauge(name: NamesOf<'gauge'>): Gauge {
    return this.#metrics.get(name) as Gauge;
  }

  histogram(name: NamesOf<'histogram'>): Histogram {
    return this.#metrics.get(name) as Histogram;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The exposition format, as `/metrics` serves it. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #make(name: string, { type, help, labels, buckets }: MetricDefinition): Counter | Gauge | Histogram {
    const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (type === 'counter') return new Counter(options);
    if (type === 'gauge') return new Gauge(options);
    return new Histogram({ ...options, buckets: [...(buckets ?? [])] });
  }
}
