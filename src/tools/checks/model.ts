import { statSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import type { Arithmetic } from '../../model/arithmetic.js';
import type { ModelFolder } from '../../model/folder.js';
import { asWarning, type Finding, failure, ok, warn } from '../../observe/finding.js';
import { createPolicy, effectiveTasks } from '../../policy/policy.js';
import { watchedLabels } from '../../policy/watched-labels.js';
import type { ModelInfo } from '../../ports.js';
import { buildClassifier } from '../../stage/parts/classifier.js';
import type { WorkerSetup } from '../../workers/protocol.js';

export interface CheckedModel {
  readonly findings: readonly Finding[];
  /** Undefined if the folder could not be read. */
  readonly info: ModelInfo | undefined;
  /** The arithmetic of int8 products on this machine; undefined if the model could not be loaded. */
  readonly arithmetic: Arithmetic | undefined;
  /** The bytes of the ONNX file and the weights beside it. */
  readonly bytes: number;
}

/**
 * Reads the folder and compares SHA-256, loads the model in one worker thread as the stage does in each, and lets it
 * answer its golden samples.
 */
export async function checkModel(
  config: Pick<Config, 'model' | 'workers' | 'policy'>,
  log: Logger,
): Promise<CheckedModel> {
  const one = { ...config, workers: { ...config.workers, count: 1 } };
  const doubts: Finding[] = [];
  try {
    const { classifier, folder, pool, setup } = await buildClassifier(one, log, {
      doubted: why => void doubts.push(asWarning('model', why)),
    });
    const started = performance.now();
    const opened = await classifier.open().then(
      () => ok('model', describe(setup, performance.now() - started)),
      error => failure('model', error),
    );
    await classifier.close();
    return {
      findings: [opened, ...doubts, ...(config.model.verify ? [] : [unverified])],
      info: folder.info,
      arithmetic: pool.arithmetic,
      bytes: foldersOf(setup).reduce((sum, folder) => sum + bytesOf(folder), 0),
    };
  } catch (error) {
    return { findings: [failure('model', error)], info: undefined, arithmetic: undefined, bytes: 0 };
  }
}

/** Checks that the model has the tasks and labels that the policy and `explain` name. */
export function checkPolicy(config: Pick<Config, 'policy' | 'explain'>, { tasks }: ModelInfo): Finding {
  const { policy, explain } = config;
  try {
    createPolicy(policy, tasks);
    watchedLabels('explain.labels', explain.labels, effectiveTasks(policy, tasks));
  } catch (error) {
    return { ...failure('policy', error), remedy: 'correct the name, or remove it' };
  }
  const judged = Object.keys(policy.bands ?? {});
  const decisions = judged.length > 0 ? `decisions by ${judged.join(', ')}` : 'no bands, so results have no decision';
  return ok('policy', `"${policy.version}" fits the model; ${decisions}`);
}

function describe({ folder, cascade, verify }: WorkerSetup, ms: number): string {
  const { tasks, maxTokens } = folder.info;
  const labels = tasks.map(task => `${task.name} (${task.labels.length} labels)`).join(', ');
  const count = tasks.length === 1 ? '1 task' : `${tasks.length} tasks`;
  const loaded = `loaded in ${(ms / 1000).toFixed(1)} s`;
  const own = `${identity(folder)}, ${count}: ${labels}; up to ${maxTokens} tokens; ${loaded}, ${proof(folder, verify)}`;
  return cascade ? `${own}; before it ${identity(cascade.folder)}, ${proof(cascade.folder, verify)}` : own;
}

function foldersOf({ folder, cascade }: WorkerSetup): ModelFolder[] {
  return cascade ? [folder, cascade.folder] : [folder];
}

function identity({ info: { name, version, precision, sha256 } }: ModelFolder): string {
  return `${name} ${version} (${precision}, SHA-256 ${sha256.slice(0, 12)})`;
}

function proof({ golden }: ModelFolder, verified: boolean): string {
  const samples = golden.length;
  return verified && samples > 0 ? `compared with ${samples} golden samples` : 'not compared with golden samples';
}

const unverified = warn(
  'model',
  'model.verify is false: changed files and wrong scores stay unnoticed',
  'set model.verify to true, unless the files were changed on purpose',
);

/** The graph and the weights that it keeps beside it. */
function bytesOf({ onnxFile, weightsFiles }: ModelFolder): number {
  return [onnxFile, ...weightsFiles].reduce((sum, file) => sum + statSync(file).size, 0);
}
