import { type Command, Option } from 'commander';
import type { Config } from '../config/schema.js';
import { SiftlineError } from '../errors.js';
import { DATA_FORMATS, type DataFile, type DataFormat, openDataFile } from '../tools/eval/data-file.js';
import type { RowOptions } from '../tools/eval/labelled-rows.js';
import { parseLabelMap } from '../tools/eval/truth.js';
import type { ConfigFlags } from './options.js';

/** The flags that say what labelled texts are and where; those of `eval` and of `calibrate`. */
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

export function withDataOptions(command: Command): Command {
  return command
    .requiredOption('--data <file>', 'labelled texts: JSON lines (.jsonl), CSV (.csv) or TSV (.tsv)')
    .addOption(new Option('--input-format <format>', 'what the file is, whatever its extension').choices(DATA_FORMATS))
    .option('--label <field>', 'where the label is', 'label')
    .option('--columns <names>', 'names of the columns of a CSV or TSV file without a header, comma-separated')
    .option('--separator <text>', 'between the labels of a row that has several in one string', ',')
    .option('--map <pairs>', "the file's labels to the model's, such as 1=positive,0=negative")
    .option('--ignore-unknown', 'drop labels that the model does not have, instead of ending with an error')
    .option('--task <name>', 'which question of the model; without it, its only one')
    .option('--positive <label>', 'look at this label of a sigmoid task alone; the file says 0, 1, true or false');
}

/** Throws for a file or a flag that cannot be meant; nothing but the file's first line has been read. */
export async function dataFrom(flags: DataFlags, config: Config): Promise<{ file: DataFile; rows: RowOptions }> {
  const { label, separator, map, ignoreUnknown, columns } = flags;
  if (separator === '')
    throw SiftlineError.usage(
      'EVAL_SEPARATOR',
      '--separator: is empty; give what stands between two labels, such as a comma',
    );
  const { textFields, join, maxValueBytes } = config.input;
  const file = await openDataFile({
    path: flags.data,
    format: flags.inputFormat,
    columns: columns?.split(',').map(name => name.trim()),
    maxBytes: maxValueBytes,
  });
  return {
    file,
    rows: {
      textFields,
      join,
      maxValueBytes,
      label,
      separator,
      map: map === undefined ? new Map() : parseLabelMap(map),
      ignoreUnknown: ignoreUnknown === true,
    },
  };
}
