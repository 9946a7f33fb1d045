import { check } from './check.js';
import { envName, fieldNames } from './fields.js';
import { readConfigFile } from './file.js';
import { type Environment, FILE_VARIABLE, readEnvironment, readFlags } from './overrides.js';
import { configInvalid, type GivenValue, type Reading } from './problems.js';
import type { Config } from './schema.js';

export interface ConfigInputs {
  /** Path of the YAML file; without it, `SIFTLINE_CONFIG` names the file. Without both, no file is read. */
  readonly file?: string | undefined;
  readonly env: Environment;
  /** Dotted field path to its value as text, as given on the command line. */
  readonly flags?: Readonly<Record<string, string>> | undefined;
  /** The folder that a relative `file` starts from; the working directory by default. */
  readonly cwd?: string | undefined;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Field path to the source of its value: `default`, `file <name>:<line>`, `env <NAME>` or `flag`. */
  readonly sources: Readonly<Record<string, string>>;
}

/**
 * Loads the configuration from flags, environment, file and defaults; the earlier source wins. The result is checked,
 * complete and frozen. Throws CONFIG_UNREADABLE for a file that does not exist or is not YAML, and CONFIG_INVALID with
 * every problem. Throws nothing else, whatever the inputs.
 */
export function loadConfig({ file, env, flags = {}, cwd }: ConfigInputs): LoadedConfig {
  const readings = [readFile(file ?? env[FILE_VARIABLE], cwd), readEnvironment(env), readFlags(flags)];
  const given = new Map(readings.flatMap(reading => reading.given).map(value => [value.path, value]));
  const { config, problems } = check(given);
  const all = [...readings.flatMap(reading => reading.problems), ...problems];
  if (all.length > 0) throw configInvalid(all);
  return { config: deepFreeze(config), sources: sourcesOf(given) };
}

/**
 * Throws CONFIG_INVALID if no broker is set. The check is not part of loading, since the default configuration has no
 * brokers and is still good for files and for standard input.
 */
export function requireForRun(config: Config): void {
  if (config.kafka.brokers.length > 0) return;
  const variable = envName('kafka.brokers');
  const text = `is empty, so there is nothing to read from; give --brokers host:9092, set it in the file, or set ${variable}=host:9092`;
  throw configInvalid([{ subject: 'kafka.brokers', text, where: 'no default' }]);
}

function readFile(file: string | undefined, cwd: string | undefined): Reading {
  return file === undefined || file === '' ? { given: [], problems: [] } : readConfigFile(file, cwd);
}

function sourcesOf(given: ReadonlyMap<string, GivenValue>): Readonly<Record<string, string>> {
  return Object.freeze(Object.fromEntries(fieldNames().map(path => [path, given.get(path)?.source ?? 'default'])));
}

/** Freezes a tree of plain objects and arrays, and returns it. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const child of Object.values(value)) deepFreeze(child);
    Object.freeze(value);
  }
  return value;
}
