import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { listFields, valueAt } from '../../config/fields.js';
import { type LoadedConfig, requireForRun } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { readSecret, redacted } from '../../config/secrets.js';
import { messageOf } from '../../errors.js';
import { type Finding, fail, failure, ok, skip, warn } from '../../observe/finding.js';
import { checkBands, checkScores, checkVersion } from './answers.js';
import { checkBrokers } from './brokers.js';
import { checkGroup } from './group.js';
import { checkCpu, checkMemory, checkPort, type Machine, thisMachine } from './machine.js';
import { checkModel, checkPolicy } from './model.js';
import { checkRegistry } from './registry.js';
import { checkRights } from './rights.js';
import { checkReplication, checkTopics } from './topics.js';
import { checkTransactionalIds } from './transactional-ids.js';

export interface CheckOptions {
  /** Loads the configuration; throws if it is wrong. */
  readonly load: () => LoadedConfig;
  /** True to send nothing over the network. */
  readonly offline: boolean;
  readonly log: Logger;
  readonly machine?: Machine;
}

/**
 * Runs every check that is possible before a start without changing anything: configuration, model, machine and, unless
 * `offline`, brokers, topics, rights, group and registry. Yields each finding as it is made. A check that depends on a
 * failed one is skipped, with the reason; all others run.
 */
export async function* runChecks(options: CheckOptions): AsyncGenerator<Finding> {
  let loaded: LoadedConfig;
  try {
    loaded = options.load();
  } catch (error) {
    yield failure('config', error);
    yield* skipAll([...LOCAL, ...NETWORK], 'the configuration is wrong');
    return;
  }
  yield* checkConfig(loaded);
  yield* checkFiles(loaded.config);
  yield* local(loaded.config, options);
  yield* network(loaded.config, options);
}

const LOCAL = ['model', 'policy', 'cpu', 'memory', 'port'];
const OF_A_CLUSTER = ['topics', 'rights', 'group'];
const NETWORK = ['brokers', ...OF_A_CLUSTER, 'registry'];

async function* local(config: Config, { log, machine = thisMachine() }: CheckOptions): AsyncGenerator<Finding> {
  const { findings, info, arithmetic, bytes } = await checkModel(config, log);
  yield* findings;
  yield info ? checkPolicy(config, info) : skip('policy', 'the model cannot be read');
  if (info) yield* checkBands(config, info.tasks);
  yield* checkScores(config);
  yield* checkCpu(config.workers, machine, arithmetic);
  yield info ? checkMemory(config, bytes, machine) : skip('memory', 'the model cannot be read');
  yield await checkPort(config.metrics);
}

async function* network(config: Config, { offline, log }: CheckOptions): AsyncGenerator<Finding> {
  const noBrokers = missingBrokers(config);
  if (offline) {
    if (noBrokers) yield warn('brokers', noBrokers.text, noBrokers.remedy ?? '');
    yield* skipAll(noBrokers ? [...OF_A_CLUSTER, 'registry'] : NETWORK, '--offline');
    return;
  }
  if (noBrokers) {
    yield noBrokers;
    yield* skipAll(OF_A_CLUSTER, 'kafka.brokers is empty');
  } else {
    yield* cluster(config, log);
  }
  yield* await checkRegistry(config);
}

async function* cluster(config: Config, log: Logger): AsyncGenerator<Finding> {
  const { findings, admin } = await checkBrokers(config, log);
  yield* findings;
  if (!admin) {
    yield* skipAll(OF_A_CLUSTER, 'the brokers could not be asked');
    return;
  }
  try {
    const { findings: ofTopics, existing } = await checkTopics(admin, config);
    yield* ofTopics;
    yield* await checkReplication(admin, config);
    if (!existing) {
      yield* skipAll(['rights', 'group'], 'the topics could not be listed');
      return;
    }
    yield* await checkRights(config, existing, log);
    const inputs = config.input.topics.filter(topic => existing.has(topic));
    yield* await checkGroup(admin, config, inputs);
    if (existing.has(config.output.labelsTopic)) yield* await checkVersion(config, log);
    yield* await checkTransactionalIds(admin, config);
  } finally {
    await admin.close();
  }
}

function missingBrokers(config: Config): Finding | undefined {
  try {
    requireForRun(config);
    return undefined;
  } catch {
    return { status: 'fail', check: 'brokers', text: 'kafka.brokers is empty', remedy: GIVE_BROKERS };
  }
}

const GIVE_BROKERS = 'give --brokers host:9092, set kafka.brokers in the file, or set SIFTLINE_KAFKA__BROKERS';

function skipAll(checks: readonly string[], why: string): Finding[] {
  return checks.map(check => skip(check, why));
}

/** Lists the settings that were given, each with its source; secrets are not shown. */
export function checkConfig({ config, sources }: LoadedConfig): Finding[] {
  const shown = redacted(config);
  const given = listFields().filter(({ path }) => sources[path] !== 'default');
  const lines = given.map(({ path }) => `${path} = ${JSON.stringify(valueAt(shown, path))}  (${sources[path]})`);
  const count = given.length === 1 ? '1 setting given' : `${given.length} settings given`;
  return [ok('config', `valid; ${count}, all others are defaults`, lines)];
}

const FILES = ['kafka.tls.caFile', 'kafka.tls.certFile', 'kafka.tls.keyFile'];
const SECRETS = [
  'kafka.sasl.passwordFile',
  'kafka.sasl.tokenFile',
  'registry.passwordFile',
  'registry.bearerTokenFile',
];

/** Checks that the files that the configuration names can be read; returns one finding for all if they can. */
export function checkFiles(config: Config): Finding[] {
  const tried = [...FILES.map(field => tryFile(config, field)), ...SECRETS.map(field => trySecret(config, field))];
  const files = tried.filter(each => each !== 'not given');
  const failed = files.filter(each => each !== 'readable');
  if (failed.length > 0) return failed;
  return files.length === 0 ? [] : [ok('files', `${files.length} certificate and secret files can be read`)];
}

type TriedFile = Finding | 'readable' | 'not given';

function tryFile(config: Config, field: string): TriedFile {
  const path = valueAt(config, field);
  if (typeof path !== 'string') return 'not given';
  try {
    if (readFileSync(path, 'utf8').includes('-----BEGIN ')) return 'readable';
    return fail(
      'files',
      `${field}: ${path} is not a PEM file`,
      'convert it to PEM, which is text with -----BEGIN in it',
    );
  } catch (error) {
    return fail(
      'files',
      `${field}: ${messageOf(error)}`,
      'correct the path, or give this user the permission to read it',
    );
  }
}

function trySecret(config: Config, field: string): TriedFile {
  const path = valueAt(config, field);
  if (typeof path !== 'string') return 'not given';
  try {
    readSecret(path, field);
    return 'readable';
  } catch (error) {
    return {
      ...failure('files', error),
      remedy: 'write the secret into the file, or give this user the permission to read it',
    };
  }
}
