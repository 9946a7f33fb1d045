import { type Command, InvalidArgumentError, Option } from 'commander';
import { type LoadedConfig, loadConfig } from '../config/load.js';

/** Flags that stand for a field of the configuration, for the ones people type. */
const SHORTCUTS: Readonly<Record<string, { readonly flag: string; readonly field: string; readonly help: string }>> = {
  brokers: { flag: '--brokers <list>', field: 'kafka.brokers', help: 'brokers, host:port, comma-separated' },
  topics: { flag: '--topics <list>', field: 'input.topics', help: 'topics to read, comma-separated' },
  group: { flag: '--group <name>', field: 'input.group', help: 'consumer group' },
  format: { flag: '--format <name>', field: 'input.format', help: 'json, avro or text' },
  text: { flag: '--text <fields>', field: 'input.textFields', help: 'where the text is in a record' },
  id: { flag: '--id <field>', field: 'input.idField', help: "where the record's id is" },
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
    new Option('--set <field=value>', 'set any field of the configuration; may be repeated').argParser(collect),
  );
  for (const name of shortcuts) {
    const shortcut = SHORTCUTS[name];
    if (shortcut) command.option(shortcut.flag, shortcut.help);
  }
  return command;
}

/** The configuration of this call: flags before environment before file before defaults. */
export function configFrom(flags: ConfigFlags, env: Readonly<Record<string, string | undefined>>): LoadedConfig {
  const given = Object.entries(SHORTCUTS).flatMap(([name, { field }]) => {
    const value = flags[name];
    return typeof value === 'string' ? [[field, value] as const] : [];
  });
  return loadConfig({ file: flags.config, env, flags: { ...flags.set, ...Object.fromEntries(given) } });
}

function collect(value: string, before: Record<string, string> = {}): Record<string, string> {
  const at = value.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('write it as field=value, such as workers.count=2.');
  return { ...before, [value.slice(0, at)]: value.slice(at + 1) };
}
