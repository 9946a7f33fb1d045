import { AdminServer } from '../../../src/observe/server.js';
import type { Probe } from '../kinds.js';
import type { Rendered } from '../rendered.js';
import { holds, type Rule, same } from './rule.js';

/** What `end()` in src/main.ts leaves for output and a thread that still infers. */
const CLOSING_SECONDS = 2;

/** Probes, deadlines and the roll-out fit the program and one another. */
export const rollout: Rule = async rendered => {
  const { deployment, pod, container } = rendered;
  const { shutdown, health, workers } = rendered.config;
  const { startupProbe, readinessProbe, livenessProbe } = container;
  const grace = pod.terminationGracePeriodSeconds;
  const drained = shutdown.drainSeconds + CLOSING_SECONDS;
  return [
    ...holds(`grace ${grace} s is over twice the ${drained} s of a drain`, grace > 2 * drained),
    ...holds(`grace ${grace} s is at most 20 s more than that`, grace <= 2 * drained + 20),
    ...strategy(rendered),
    ...holds(`minReadySeconds ${deployment.minReadySeconds}`, within(deployment.minReadySeconds, 5, 60)),
    ...holds(
      `progressDeadlineSeconds ${deployment.progressDeadlineSeconds} outlasts a start and minReadySeconds`,
      within(
        deployment.progressDeadlineSeconds,
        patience(startupProbe) + workers.startTimeoutSeconds + deployment.minReadySeconds,
        600,
      ),
    ),
    ...holds(`revisionHistoryLimit ${deployment.revisionHistoryLimit}`, within(deployment.revisionHistoryLimit, 2, 10)),
    ...same('startup', (await answer(startupProbe)).page, 'live'),
    ...same('readiness', (await answer(readinessProbe)).page, 'ready'),
    ...same('liveness', (await answer(livenessProbe)).page, 'live'),
    ...[startupProbe, readinessProbe, livenessProbe].flatMap(probe => probeShape(probe, rendered)),
    ...holds(`startup: ${patience(startupProbe)} s to read the model`, within(patience(startupProbe), 60, 180)),
    ...holds('startup: asks often', startupProbe.periodSeconds <= 5),
    ...holds('readiness: noticed soon', within(patience(readinessProbe), 5, 15)),
    ...holds('liveness: not for one busy moment', within(livenessProbe.failureThreshold, 3, 5)),
    ...holds('liveness: asks seldom', within(livenessProbe.periodSeconds, 10, 30)),
    ...holds('liveness: slower than readiness', patience(livenessProbe) > patience(readinessProbe)),
    ...holds('health.stallSeconds', within(health.stallSeconds, 2 * patience(readinessProbe), 300)),
  ];
};

function strategy({ deployment, config }: Rendered): string[] {
  const allowed = config.name === 'news' ? '50%' : 1;
  return [
    // No surge: docs/decisions/0011-kubernetes-shape.md
    ...same('strategy', deployment.strategy, {
      type: 'RollingUpdate',
      rollingUpdate: { maxSurge: 0, maxUnavailable: allowed },
    }),
    ...holds('two replicas or more, or an autoscaler', deployment.replicas === undefined || deployment.replicas >= 2),
    ...holds('few replicas', (deployment.replicas ?? 0) <= 12),
  ];
}

function probeShape(probe: Probe, { container }: Rendered): string[] {
  return [
    ...same('a probe asks', Object.keys(probe.httpGet).sort(), ['path', 'port']),
    ...same('port of a probe', probe.httpGet.port, container.ports[0]?.name),
    ...holds('timeout of a probe', within(probe.timeoutSeconds, 2, probe.periodSeconds)),
    ...same('fields of a probe', Object.keys(probe).sort(), [
      'failureThreshold',
      'httpGet',
      'periodSeconds',
      'timeoutSeconds',
    ]),
  ];
}

function patience({ periodSeconds, failureThreshold }: Probe): number {
  return periodSeconds * failureThreshold;
}

function within(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function answer({ httpGet }: Probe): Promise<Answer> {
  return pageAt(httpGet.path);
}

export interface Answer {
  readonly status: number;
  /** Which of the program's pages it is. */
  readonly page: string;
}

const answers = new Map<string, Promise<Answer>>();

/** What the program's own server answers on a path. */
export function pageAt(path: string): Promise<Answer> {
  const known = answers.get(path) ?? ask(path);
  answers.set(path, known);
  return known;
}

async function ask(path: string): Promise<Answer> {
  const server = new AdminServer({
    live: () => ({ ok: true, details: { page: 'live' } }),
    ready: () => ({ ok: true, details: { page: 'ready' } }),
    metrics: async () => ({ contentType: 'application/json', body: '{"page":"metrics"}' }),
  });
  const port = await server.open('127.0.0.1', 0);
  try {
    const response = await fetch(new URL(path, `http://127.0.0.1:${port}`));
    const body = (await response.json()) as { page?: string };
    return { status: response.status, page: body.page ?? `${response.status}` };
  } finally {
    await server.close();
  }
}
