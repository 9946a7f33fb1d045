import type { Command } from 'commander';
import { SiftlineError } from '../errors.js';
import type { CliContext } from './context.js';
import { type ConfigFlags, configFrom, withConfigOptions } from './options.js';

const HELP = `
The record is that of output.schemaVersion, so the configuration counts:

  siftline schema labels -c siftline.yaml > labels.avsc
  siftline schema metrics > metrics.avsc`;

/** Adds `schema`, which writes the Avro schema of the records on an output topic. */
export function addSchema(program: Command, context: CliContext): void {
  const command = program
    .command('schema')
    .description('write the Avro schema of the records on the labels or metrics topic')
    .argument('<topic>', 'labels or metrics')
    .addHelpText('after', HELP);
  withConfigOptions(command, []);
  command.action((topic: string, flags: ConfigFlags) => writeSchema(topic, flags, context));
}

async function writeSchema(topic: string, flags: ConfigFlags, { env, stdout }: CliContext): Promise<void> {
  if (topic !== 'labels' && topic !== 'metrics')
    throw SiftlineError.usage('SCHEMA_UNKNOWN', `there is no schema of "${topic}"; give labels or metrics`);
  const { config } = await configFrom(flags, env);
  const { schemaFileOf } = await import('../stage/topics.js');
  stdout.write(schemaFileOf(config, topic));
}
