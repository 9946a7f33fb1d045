import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { alerts, filledIn, panels, RULES, recorded, recordings } from '../support/deploy.js';
import { Instance } from '../support/instance.js';
import { eventually, sharedBroker, uniqueName } from '../support/kafka.js';
import { fixtureModel } from '../support/models.js';
import { stageFields } from '../support/outputs.js';
import { Prometheus } from '../support/prometheus.js';
import { type Selector, selectorsOf } from '../support/promql.js';
import { noPrometheus } from '../support/promtool.js';

/** Series that a stage in good health does not have, and why. */
const NOT_IN_HEALTH: Readonly<Record<string, string>> = {
  siftline_records_lost_total: 'comes with the first offset that is passed over',
  siftline_registry_wait_seconds: 'is there only while a partition waits for the registry',
  ALERTS: 'comes with the first alert',
};

/** A stage that is fed a few records a second for as long as the test lasts: good ones, bad ones, tombstones. */
async function fedStage(t: TestContext): Promise<Instance> {
  const broker = await sharedBroker();
  const [input, labels, rejected, metrics] = ['in', 'labels', 'rejected', 'metrics'].map(uniqueName) as [
    string,
    string,
    string,
    string,
  ];
  await broker.createTopics(...[input, labels, rejected, metrics].map(topic => ({ topic, partitions: 2 })));
  const topics = { input, labels, rejected, metrics };
  const instance = Instance.start(t, {
    brokers: broker.bootstrap,
    model: fixtureModel('bert-two-tasks'),
    set: { ...stageFields(topics, uniqueName('group')), delivery: 'exactly-once', 'metrics.windowSeconds': '1' },
  });
  let over = false;
  let round = 0;
  const feeding = (async () => {
    while (!over) {
      // One text that is new, and one whose answer is kept.
      const texts = [`about food and travel ${round++}`, 'about food and travel'];
      const values = [...texts.map(text => JSON.stringify({ text })), 'not JSON', null];
      await broker.produce(
        input,
        [0, 1].flatMap(partition => values.map(value => ({ partition, value }))),
      );
      await new Promise(resolve => setTimeout(resolve, 200));
    }
  })();
  t.after(() => {
    over = true;
    return feeding;
  });
  await eventually(
    'every kind of outcome is there',
    async () => (await instance.metric('siftline_records_total')) > 12,
  );
  return instance;
}

/** Everything that is asked of the program, each once. */
const asked: readonly Selector[] = unique(
  [...recordings, ...alerts]
    .map(({ expr }) => expr)
    .concat(panels().flatMap(({ expressions }) => expressions))
    .flatMap(expr => selectorsOf(filledIn(expr, '10s'))),
);

function unique(selectors: readonly Selector[]): Selector[] {
  return [...new Map(selectors.map(each => [`${each.name}${each.labels}`, each])).values()];
}

test('every series that rules and dashboard ask for is on /metrics of a running stage', async t => {
  const instance = await fedStage(t);
  let missing = asked.filter(({ name }) => !(name in NOT_IN_HEALTH || name === 'up' || recorded.has(name)));
  // The lag is looked at every few seconds only.
  await eventually('every series is there', async () => {
    const text = await (await fetch(`${await instance.url()}/metrics`)).text();
    const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'));
    missing = missing.filter(({ name, labels }) => {
      const matchers = matchersOf(labels);
      return !lines.some(line => isOf(line, name) && matchers.every(matches => matches(line)));
    });
    return missing.length === 0;
  }).catch(() => {});
  assert.deepEqual(missing, []);
});

function isOf(line: string, name: string): boolean {
  return line.startsWith(`${name} `) || line.startsWith(`${name}{`);
}

/** Each of what stands in the braces; job and instance are Prometheus' own. */
function matchersOf(labels: string): Array<(line: string) => boolean> {
  return [...labels.matchAll(/(\w+)(=~|=)"([^"]*)"/g)]
    .filter(([, label]) => label !== 'job' && label !== 'instance')
    .map(([, label, operator, value = '']) => {
      const pattern = operator === '=' ? value : value.replaceAll('\\\\', '\\');
      return line => new RegExp(`[{,]${label}="(?:${pattern})"`).test(line);
    });
}

test('Prometheus finds something for every panel and every rule, and a stage in health is no alert', {
  skip: noPrometheus,
}, async t => {
  const instance = await fedStage(t);
  const target = new URL(await instance.url()).host;
  const prometheus = await Prometheus.start(t, { target, rules: RULES });

  const expressions = [
    ...panels().flatMap(panel => panel.expressions.map(expr => filledIn(expr, '10s'))),
    ...recordings.map(({ record }) => record),
    // An alert is empty in health; what it is made of is not.
    ...asked.map(({ name, labels }) => `${name}${labels}`),
  ].filter(expr => !selectorsOf(expr).some(({ name }) => name in NOT_IN_HEALTH));
  assert.ok(expressions.length > 150, `${expressions.length} expressions are asked`);

  let empty = expressions;
  const ask = async () => {
    const found = await Promise.all(empty.map(expr => prometheus.query(expr)));
    empty = empty.filter((_, i) => !isSomething(found[i] ?? []));
    return empty.length === 0;
  };
  await eventually('every expression has a value', ask).catch(() => {});
  assert.deepEqual(empty, []);

  const rules = await prometheus.rules();
  assert.equal(rules.length, recordings.length + alerts.length);
  assert.deepEqual(
    rules.filter(({ health }) => health !== 'ok'),
    [],
  );
  assert.deepEqual(
    rules.filter(({ state }) => state === 'firing').map(({ name }) => name),
    [],
  );

  const [balance] = await prometheus.query(`${ledgerPanel()} != 0`);
  assert.equal(balance, undefined, 'the books balance at every scrape');
});

/** NaN is what a share of nothing is: no line on a panel. */
function isSomething(samples: ReadonlyArray<{ readonly value: readonly [number, string] }>): boolean {
  return samples.some(({ value: [, value] }) => value !== 'NaN');
}

function ledgerPanel(): string {
  const panel = panels().find(({ title }) => title === 'Taken, and not accounted for');
  return `(${filledIn(panel?.expressions[0] ?? '', '10s')})`;
}
