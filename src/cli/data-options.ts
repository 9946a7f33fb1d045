import { type Command, Option } from 'commander';
import type { DATA_FORMATS, DataFormat } from '../tools/eval/data-file.js';
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

/** The compiler holds them to those that are read; the reader itself is loaded only when there is something to read. */
const FORMATS: typeof DATA_FORMATS = ['jsonl', 'csv', 'tsv'];

export function withDataOptions(command: Command): Command {
  return command
    .requiredOption('--data <file>', 'labelled texts: JSON lines (.jsonl), CSV (.csv) or TSV (.tsv)')
    .addOption(new Option('--input-format <format>', 'what the file is, whatever its extension').choices(FORMATS))
    .option('--label <field>', 'where the label is', 'label')
    .option('--columns <names>', 'names of the columns of a CSV or TSV file without a header, comma-separated')
    .option('--separator <text>', 'between the labels of a row that has several in one string', ',')
    .option('--map <pairs>', "the file's labels to the model's, such as 1=positive,0=negative")
    .option('--ignore-unknown', 'drop labels that the model does not have, instead of ending with an error')
    .option('--task <name>', 'which question of the model; without it, its only one')
    .option('--positive <label>', 'look at this label of a sigmoid task alone; the file says 0, 1, true or false');
}
