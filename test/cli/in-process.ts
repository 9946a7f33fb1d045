import { PassThrough, Writable } from 'node:stream';
import { Command } from 'commander';
import type { CliContext } from '../../src/cli/context.js';

export interface Ran {
  readonly stdout: string;
  /** What the command threw, if it did. */
  readonly error: unknown;
}

/** Runs one command as main would, without a process of its own; nothing comes from this process's environment. */
export async function runCommand(
  add: (program: Command, context: CliContext) => void,
  argv: readonly string[],
  env: CliContext['env'] = {},
): Promise<Ran> {
  let stdout = '';
  const sink = (take: (text: string) => void) =>
    new Writable({
      write: (chunk, _, done) => {
        take(String(chunk));
        done();
      },
    });
  const context: CliContext = {
    env,
    version: '0.0.0',
    stdin: new PassThrough(),
    stdout: sink(text => {
      stdout += text;
    }),
    stderr: sink(() => {}),
  };
  const program = new Command('siftline').exitOverride().configureOutput({ writeErr: () => {} });
  add(program, context);
  const error = await program.parseAsync([...argv], { from: 'user' }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { stdout, error };
}
