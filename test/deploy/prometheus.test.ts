import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { METRICS } from '../../src/observe/list.js';
import { alerts, RULE_TESTS, RULES, recorded, recordings } from '../support/deploy.js';
import { problemsOf, selectorsOf } from '../support/promql.js';
import { noPromtool, promtool } from '../support/promtool.js';

interface Check {
  readonly expr: string;
  readonly exp_samples?: ReadonlyArray<{ readonly labels: string }>;
}

interface Case {
  readonly name: string;
  readonly input_series: ReadonlyArray<{ readonly series: string }>;
  readonly promql_expr_test?: readonly Check[];
}

const files = readdirSync(RULE_TESTS).map(file => join(RULE_TESTS, file));
const cases = files.flatMap(file => (parse(readFileSync(file, 'utf8')) as { tests: Case[] }).tests);

describe('the rules', () => {
  test('promtool can read them', { skip: noPromtool }, () => {
    const { status, said } = promtool(['check', 'rules', RULES]);
    assert.equal(status, 0, said);
  });

  for (const file of files) {
    test(`fire when they should, and only then: ${file}`, { skip: noPromtool }, () => {
      const { status, said } = promtool(['test', 'rules', file]);
      assert.equal(status, 0, said);
    });
  }

  for (const { record, alert, expr } of [...recordings, ...alerts]) {
    test(`${record ?? alert} asks for what there is, as what it is`, () => {
      assert.deepEqual(problemsOf(expr, recorded), []);
    });
  }

  test('the limit of the latency objective is one bucket, as Prometheus 2 and 3 write it', () => {
    const expr = recordings.find(({ record }) => record === 'instance:siftline_end_to_end_fast:total')?.expr ?? '';
    const le = new RegExp(`^(?:${/le=~"([^"]*)"/.exec(expr)?.[1]?.replaceAll('\\\\', '\\')})$`);
    const buckets = METRICS.siftline_end_to_end_latency_seconds.buckets;
    const inBoth = (bucket: number) => [String(bucket), bucket % 1 === 0 ? `${bucket}.0` : String(bucket)];
    const matched = buckets.filter(bucket => inBoth(bucket).some(text => le.test(text)));
    assert.equal(matched.length, 1, `${le} is ${matched.join(', ') || 'no bucket'}`);
    assert.ok(
      inBoth(matched[0] ?? 0).every(text => le.test(text)),
      `${le} knows one way of writing ${matched[0]}`,
    );
  });
});

describe('an alert', () => {
  for (const { alert, labels = {}, annotations = {} } of alerts) {
    test(`${alert} says how bad it is, what is wrong, and where to read on`, () => {
      assert.match(labels.severity ?? '', /^(page|ticket|info)$/);
      assert.deepEqual(Object.keys(annotations).sort(), ['description', 'runbook_url', 'summary']);
      assert.equal(annotations.runbook_url, `docs/runbooks/${alert}.md`);
      assert.match(`${annotations.summary}`, /\{\{ \$labels\.(job|instance) \}\}/);
    });

    test(`${alert} fires in a case, and keeps quiet in one with the same metrics`, () => {
      const fires = ({ exp_samples = [] }: Check) => exp_samples.some(({ labels: l }) => l.includes(`"${alert}"`));
      assert.ok(
        cases.some(each => each.promql_expr_test?.some(fires)),
        'it never fires',
      );
      const about = metricsBehind(alert);
      const quiet = cases.filter(each => each.input_series.some(({ series }) => about.has(nameOf(series))));
      assert.ok(
        quiet.some(each => each.promql_expr_test?.some(check => check.expr.includes('ALERTS') && !fires(check))),
        'it is never quiet',
      );
    });
  }
});

function nameOf(series: string): string {
  return series.slice(0, series.indexOf('{'));
}

/** What an alert is made of, through the recording rules. */
function metricsBehind(alert: string): Set<string> {
  const names = new Set<string>();
  const visit = (expr: string): void => {
    for (const { name } of selectorsOf(expr)) {
      const rule = recordings.find(({ record }) => record === name);
      if (rule) visit(rule.expr);
      else names.add(name);
    }
  };
  visit(alerts.find(each => each.alert === alert)?.expr ?? '');
  // Every case has these.
  names.delete('siftline_build_info');
  return names;
}
