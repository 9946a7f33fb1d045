import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** The files under deploy/ for Prometheus and Grafana. The tests run in the repository's root. */
export const RULES = 'deploy/prometheus/rules/siftline.yml';
export const RULE_TESTS = 'deploy/prometheus/tests';
export const DASHBOARD = 'deploy/grafana/dashboards/siftline.json';

export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export type Alert = Rule & { readonly alert: string };
export type Recording = Rule & { readonly record: string };

const { groups } = parse(readFileSync(RULES, 'utf8')) as { groups: Array<{ rules: Rule[] }> };
const rules = groups.flatMap(group => group.rules);

export const alerts = rules.filter((rule): rule is Alert => rule.alert !== undefined);
export const recordings = rules.filter((rule): rule is Recording => rule.record !== undefined);
export const recorded: ReadonlySet<string> = new Set(recordings.map(({ record }) => record));

export interface Panel {
  readonly title: string;
  readonly expressions: readonly string[];
}

interface GrafanaPanel {
  readonly title: string;
  readonly targets?: ReadonlyArray<{ readonly expr: string }>;
}

/** Returns the panels of the dashboard that show something, in the order of its file. */
export function panels(): Panel[] {
  const dashboard = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as { panels: GrafanaPanel[] };
  return dashboard.panels.flatMap(({ title, targets }) =>
    targets ? [{ title, expressions: targets.map(({ expr }) => expr) }] : [],
  );
}

/** Returns an expression as Grafana sends it, for all jobs and instances. */
export function filledIn(expression: string, interval: string): string {
  return expression.replaceAll('$__rate_interval', interval).replaceAll(/\$(job|instance)\b/g, '.*');
}
