import { type Command, InvalidArgumentError, Option } from 'commander';
import type { LoadedConfig } from '../config/load.js';
import { BOUND_HELP, FILE_FORMATS } from '../stage/choices.js';
import type { DATA_FORMATS, DataFormat } from '../tools/eval/data-file.js';
import type { CliContext } from './context.js';

/** The flags that stand for a field of the configuration: short forms for the fields that people type. */
const SHORTCUTS: Readonly<Record<string, { readonly flag: string; readonly field: string; readonly help: string }>> = {
  brokers: { flag: '--brokers <list>', field: 'kafka.brokers', help: 'brokers, host:port, comma-separated' },
  topics: { flag: '--topics <list>', field: 'input.topics', help: 'topics to read, comma-separated' },
  group: { flag: '--group <name>', field: 'input.group', help: 'consumer group' },
  format: { flag: '--format <name>', field: 'input.format', help: 'json, avro or text' },
  envelope: {
    flag: '--envelope <name>',
    field: 'input.envelope',
    help: 'what is around a value: none, debezium, connect or cloudevents',
  },
  text: { flag: '--text <fields>', field: 'input.textFields', help: 'field of the text in a record' },
  id: { flag: '--id <field>', field: 'input.idField', help: "field of the record's id, header:NAME or record:key" },
  model: { flag: '--model <path>', field: 'model.path', help: 'a model folder, or the name of a shipped model' },
  tasks: { flag: '--tasks <list>', field: 'model.tasks', help: 'answer only these tasks' },
  workers: { flag: '--workers <n>', field: 'workers.count', help: 'inference threads' },
  logLevel: { flag: '--log-level <level>', field: 'log.level', help: 'trace, debug, info, warn, error or silent' },
};

export type ShortcutName = keyof typeof SHORTCUTS & string;

export interface ConfigFlags {
  readonly config?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly [shortcut: string]: unknown;
}

/** Adds `--config`, `--set` and the named shortcuts to a command. */
export function withConfigOptions(command: Command, shortcuts: readonly ShortcutName[]): Command {
  command.option('-c, --config <file>', 'configuration file (YAML); SIFTLINE_CONFIG names one too');
  command.addOption(
    new Option('--set <field=value>', 'set any field of the configuration; may be given several times').argParser(
      collect,
    ),
  );
  for (const name of shortcuts) {
    const shortcut = SHORTCUTS[name];
    if (shortcut) command.option(shortcut.flag, shortcut.help);
  }
  return command;
}

/** Returns the flags and the environment of this call, as `loadConfig` takes them. */
export function givenBy(flags: ConfigFlags, env: CliContext['env']) {
  const given = Object.entries(SHORTCUTS).flatMap(([name, { field }]) => {
    const value = flags[name];
    return typeof value === 'string' ? [[field, value] as const] : [];
  });
  return { file: flags.config, env, flags: { ...flags.set, ...Object.fromEntries(given) } };
}

/**
 * Loads the configuration of this call: flags win over the environment, the environment over the file, the file over
 * defaults.
 */
export async function configFrom(flags: ConfigFlags, env: CliContext['env']): Promise<LoadedConfig> {
  const { loadConfig } = await import('../config/load.js');
  return loadConfig(givenBy(flags, env));
}

/** Loads the configuration as `configFrom` does, for a command that needs brokers and topics. */
export async function configForRun(flags: ConfigFlags, env: CliContext['env']): Promise<LoadedConfig> {
  const { loadConfig, requireForRun } = await import('../config/load.js');
  const loaded = loadConfig(givenBy(flags, env));
  requireForRun(loaded.config);
  return loaded;
}

export interface RangeFlags {
  readonly from?: string;
  readonly to?: string;
  readonly partition?: readonly number[];
}

/** Adds `--from`, `--to` and `--partition`; `what` names the records that they count. */
export function withRangeOptions(command: Command, what: string): Command {
  return command
    .option('--from <place>', `first ${what}: ${BOUND_HELP}; without it, the oldest`)
    .option('--to <place>', `place to end before; without it, the end of the topic at the start of the command`)
    .option('--partition <list>', 'only these partitions, comma-separated', partitions);
}

/** Returns `--input-format`, for commands that read files as `classify` does. */
export function inputFormatOption(): Option {
  return new Option('--input-format <format>', 'format of the input, instead of the one its extension names').choices(
    FILE_FORMATS,
  );
}

/** The flags of `eval` and `calibrate` that name the file of labelled texts and describe its rows. */
export interface DataFlags extends ConfigFlags {
  readonly data: string;
  readonly inputFormat?: DataFormat;
  readonly columns?: string;
  readonly label: string;
  readonly separator: string;
  readonly map?: string;
  readonly ignoreUnknown?: boolean;
  readonly task?: string;
  readonly positive?: string;
}

/**
 * The formats of a data file. The compiler holds them to the formats of the reader, which is loaded only when a file is
 * read.
 */
const DATA_FILE_FORMATS: typeof DATA_FORMATS = ['jsonl', 'csv', 'tsv'];

export function withDataOptions(command: Command): Command {
  return command
    .requiredOption('--data <file>', 'labelled texts: JSON lines (.jsonl), CSV (.csv) or TSV (.tsv)')
    .addOption(
      new Option('--input-format <format>', 'format of the file, instead of the one its extension names').choices(
        DATA_FILE_FORMATS,
      ),
    )
    .option('--label <field>', 'field or column of the label', 'label')
    .option('--columns <names>', 'names of the columns of a CSV or TSV file without a header, comma-separated')
    .option('--separator <text>', 'text between the labels of a row that has several in one string', ',')
    .option('--map <pairs>', "map the file's labels to the model's, such as 1=positive,0=negative")
    .option('--ignore-unknown', 'drop labels that the model does not have, instead of ending with an error')
    .option('--task <name>', 'task of the model; may be left out if the model has one only')
    .option('--positive <label>', 'judge this label of a sigmoid task alone; the file has 0, 1, true or false');
}

/** Parses an option that takes a whole number of at least `least`, and at most `most` where that is given. */
export function whole(least: number, most?: number): (value: string) => number {
  return value => {
    const n = Number(value);
    if (/^\d{1,9}$/.test(value) && n >= least && n <= (most ?? n)) return n;
    throw new InvalidArgumentError(`give a whole number from ${least}${most === undefined ? '' : ` to ${most}`}.`);
  };
}

/** Parses an option that takes a number above 0, such as a rate. */
export function aboveZero(value: string): number {
  if (/^(\d{1,7}(\.\d+)?|\.\d+)$/.test(value) && Number(value) > 0) return Number(value);
  throw new InvalidArgumentError('give a number above 0.');
}

/** Parses an option that takes a share, a number from 0 to 1; `words` name the shares that are allowed. */
export function share(words: string, isGood: (n: number) => boolean = () => true): (value: string) => number {
  return value => {
    const n = Number(value);
    if (/^([01]|[01]?\.\d+)$/.test(value) && n <= 1 && isGood(n)) return n;
    throw new InvalidArgumentError(`give a share ${words}.`);
  };
}

/** Parses an option that takes a comma-separated list. */
export function list(value: string): string[] {
  return value
    .split(',')
    .map(each => each.trim())
    .filter(each => each !== '');
}

function partitions(value: string): number[] {
  return value.split(',').map(whole(0));
}

function collect(value: string, before: Record<string, string> = {}): Record<string, string> {
  const at = value.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('write it as field=value, such as workers.count=2.');
  return { ...before, [value.slice(0, at)]: value.slice(at + 1) };
}
