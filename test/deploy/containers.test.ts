import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { createProgram } from '../../src/cli/program.js';
import { loadConfig, requireForRun } from '../../src/config/load.js';
import { CHINESE, ENGLISH } from '../../src/demo/streams.js';
import { KAFKA_IMAGE } from '../../src/local-broker/docker-broker.js';
import { KAFKA_IMAGES } from '../support/container-broker.js';

/* What can be known of Dockerfile and compose file without Docker: that they speak of the program as it is. */

const DOCKERFILE = readFileSync('deploy/docker/Dockerfile', 'utf8');
const COMPOSE_FOLDER = 'deploy/compose';

describe('the Dockerfile', () => {
  test('copies only what is there, and what .dockerignore lets through', () => {
    const allowed = readFileSync('.dockerignore', 'utf8')
      .split('\n')
      .filter(line => line.startsWith('!'))
      .map(line => line.slice(1));
    const copied = [...DOCKERFILE.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, list = '']) => list.split(' '));
    assert.ok(copied.length > 5);
    assert.deepEqual(
      copied.filter(path => !existsSync(path) || !allowed.includes(path)),
      [],
    );
    assert.deepEqual(
      allowed.filter(path => !copied.includes(path)),
      [],
      'nothing is sent to the builder for nothing',
    );
  });

  test('ships every model of the repository, and opens the port of the configuration', () => {
    const [, models = ''] = /^ARG MODELS="(.*)"$/m.exec(DOCKERFILE) ?? [];
    for (const model of models.split(' ')) assert.ok(existsSync(`models/${model}/model.onnx`), model);
    assert.ok(models.split(' ').includes(loadConfig({ env: {} }).config.model.path));
    assert.match(DOCKERFILE, new RegExp(`^EXPOSE ${loadConfig({ env: {} }).config.metrics.port}$`, 'm'));
  });

  test('builds with every builder: no frontend to pull, no heredoc', () => {
    assert.doesNotMatch(DOCKERFILE, /^#\s*syntax=|<</m);
  });
});

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly tmpfs?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly stop_grace_period?: string;
}

describe('the compose file', () => {
  const text = readFileSync(join(COMPOSE_FOLDER, 'compose.yaml'), 'utf8').replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');
  const { services } = parse(text, { merge: true }) as { services: Readonly<Record<string, Service>> };
  const ours = Object.entries(services).filter(([, { image }]) => image === 'siftline');

  test('its stages have a configuration that can run, and more time to end than they take to drain', () => {
    assert.deepEqual(
      ours.map(([name]) => name),
      ['topics', 'siftline'],
    );
    for (const [, { environment = {} }] of ours) requireForRun(loadConfig({ env: environment }).config);
    const { config } = loadConfig({ env: services.siftline?.environment ?? {} });
    assert.ok(Number.parseInt(services.siftline?.stop_grace_period ?? '', 10) >= config.shutdown.drainSeconds + 5);
    assert.deepEqual(services.siftline?.ports, [`127.0.0.1:${config.metrics.port}:${config.metrics.port}`]);
  });

  test('its stages have room for the weights of both models of the demo', () => {
    const sizes = [ENGLISH, CHINESE].map(({ model }) => statSync(`models/${model}/model.onnx`).size);
    const need = sizes.reduce((sum, size) => sum + 1.5 * size, 0);
    for (const [name, { tmpfs = [] }] of ours) {
      const [, megabytes] = /^\/tmp:size=(\d+)m$/.exec(tmpfs.join()) ?? [];
      const size = Number(megabytes) * 1024 ** 2;
      assert.ok(size >= need && size <= 1.5 * need, `${name}: ${tmpfs} for ${need} bytes`);
    }
  });

  test('it calls commands with options they have', async () => {
    const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
    const { commands } = await createProgram({ env: {}, version: '0', ...streams });
    for (const [, { command = [] }] of ours) {
      const [name, ...args] = command;
      const options = commands.find(each => each.name() === name)?.options.map(({ long }) => long);
      assert.ok(options, `${name} is a command`);
      for (const flag of args.filter(arg => arg.startsWith('--'))) assert.ok(options.includes(flag), flag);
    }
  });

  test('texts go to the topic the stage reads, from files that are there', () => {
    const [topic = ''] = loadConfig({ env: services.siftline?.environment ?? {} }).config.input.topics;
    assert.ok(services.texts?.command?.join(' ').includes(`--topic ${topic}`));
    const mounted = ['texts', 'prometheus', 'grafana'].flatMap(name => services[name]?.volumes ?? []);
    const sources = mounted.map(mount => join(COMPOSE_FOLDER, mount.split(':')[0] ?? ''));
    assert.deepEqual(
      sources.filter(path => !existsSync(path)),
      [],
    );
  });

  test('Kafka is the image that demo and tests know; every image has a version', () => {
    assert.equal(services.kafka?.image, KAFKA_IMAGE);
    assert.ok((KAFKA_IMAGES as readonly string[]).includes(KAFKA_IMAGE));
    for (const { image } of Object.values(services)) assert.match(image, /^siftline$|:v?\d+\.\d+\.\d+/);
  });

  test('Prometheus scrapes the stage where it listens', () => {
    const { scrape_configs: jobs } = parse(readFileSync('deploy/prometheus/prometheus.yml', 'utf8'));
    assert.deepEqual(jobs[0].static_configs[0].targets, ['siftline:9464']);
  });
});
