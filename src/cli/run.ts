import type { Command } from 'commander';
import { ExitCode, SiftlineError } from '../errors.js';
import type { CliContext } from './context.js';
import { drainOnSignals } from './interrupt.js';
import { type ConfigFlags, configForRun, withConfigOptions } from './options.js';

export function addRun(program: Command, context: CliContext): void {
  const command = program.command('run').description('classify the input topics until SIGTERM or Ctrl-C');
  withConfigOptions(command, [
    'brokers',
    'topics',
    'group',
    'format',
    'envelope',
    'text',
    'id',
    'model',
    'tasks',
    'workers',
    'logLevel',
  ]);
  command.action((flags: ConfigFlags) => run(flags, context));
}

async function run(flags: ConfigFlags, context: CliContext): Promise<void> {
  const { config } = await configForRun(flags, context.env);
  const { createLog } = await import('../observe/log.js');
  const { Service } = await import('../stage/stage.js');
  const log = createLog(config.log.level, config.log);
  const service = new Service({ config, version: context.version, log });
  const deadline = drainOnSignals({ drainMs: config.shutdown.drainSeconds * 1000, stop: () => service.stop(), log });
  log.info(
    { event: 'starting', version: context.version, topics: config.input.topics, group: config.input.group },
    'siftline starts',
  );
  await Promise.race([service.run(), deadline.passed]);
  if (deadline.missed()) {
    throw new SiftlineError({
      code: 'DRAIN_TIMEOUT',
      message: `not drained after ${config.shutdown.drainSeconds} s; records in flight are not committed and will be read again; raise shutdown.drainSeconds`,
      exitCode: ExitCode.drain,
    });
  }
  log.info({ event: 'stopped' }, 'siftline has drained and stopped');
}
