import { DiagLogLevel, diag, type Tracer, trace } from '@opentelemetry/api';
import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';

/** Holds the tracer, and what closes its exporter. */
export interface Tracing {
  readonly tracer: Tracer;
  /** Sends the spans that are left, and gives up after a few seconds. Never rejects. */
  close(): Promise<void>;
}

/** Configures tracing. */
export interface TracingOptions {
  readonly config: Pick<Config, 'name' | 'tracing'>;
  readonly version: string;
  readonly log: Logger;
}

const CLOSE_MS = 3_000;
const LIBRARY = 'siftline';

/**
 * Opens the exporter that `tracing.exporter` names. Returns undefined for `none`, and then nothing of OpenTelemetry's
 * SDK is loaded. The collector may be away: spans beyond a bounded queue are dropped, and the stream never waits for
 * it.
 */
export async function openTracing(options: TracingOptions): Promise<Tracing | undefined> {
  const { exporter } = options.config.tracing;
  if (exporter === 'none') return undefined;
  if (exporter === 'external') return { tracer: trace.getTracer(LIBRARY, options.version), close: async () => {} };
  return openOtlp(options);
}

async function openOtlp({ config, version, log }: TracingOptions): Promise<Tracing> {
  const [{ OTLPTraceExporter }, { resourceFromAttributes }, sdk] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace-base'),
  ]);
  const failed = (error: string) => log.warn({ event: 'traces_lost', error }, 'spans could not be sent');
  // The exporter reports its failures only here. Its messages below a warning are of no use to an operator.
  diag.setLogger({ error: failed, warn: failed, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);
  const { endpoint, sampleRatio } = config.tracing;
  const provider = new sdk.BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': config.name, 'service.version': version }),
    sampler: new sdk.TraceIdRatioBasedSampler(sampleRatio),
    spanProcessors: [
      new sdk.BatchSpanProcessor(new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` })),
    ],
  });
  return {
    tracer: provider.getTracer(LIBRARY, version),
    close: async () => {
      const deadline = new Promise<void>(resolve => setTimeout(resolve, CLOSE_MS).unref());
      await Promise.race([provider.shutdown(), deadline]).catch(error => failed(String(error)));
    },
  };
}
