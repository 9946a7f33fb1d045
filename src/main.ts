#!/usr/bin/env node
import { CommanderError } from 'commander';
import { createProgram } from './cli/program.js';
import { ExitCode, SiftlineError } from './errors.js';
import { unwritable } from './files.js';
import { printableLines } from './observe/printable.js';
import { packageVersion } from './package.js';

const { argv, env, stdin, stdout, stderr } = process;

let unwritten: SiftlineError | undefined;
// Ignores EPIPE: the reader of the pipe is gone, as `head` is after its last line. An output that must be stored
// (`JsonlSink`) notices EPIPE by itself.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') unwritten ??= unwritable('standard output', error);
});
// Ignores a disk that is full as well: there is no other place to tell of it, and the work itself is well.
stderr.on('error', () => {});

end(await main());

async function main(): Promise<number> {
  try {
    const context = { env, version: packageVersion(), stdin, stdout, stderr };
    await (await createProgram(context, argv[2])).parseAsync(argv);
  } catch (error) {
    const isHelp = error instanceof CommanderError && error.exitCode === 0;
    if (!isHelp) return exitCodeOf(error);
  }
  // A stream tells of a failed write a turn later.
  await new Promise(setImmediate);
  return unwritten ? exitCodeOf(unwritten) : Number(process.exitCode ?? ExitCode.ok);
}

/** Writes the error and returns its exit code. A user's mistake takes one line; only a bug shows its stack. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return ExitCode.usage;
  if (error instanceof SiftlineError) {
    stderr.write(`siftline: ${error.code}: ${printableLines(error.message)}\n`);
    return error.exitCode;
  }
  stderr.write(`siftline: ${printableLines(String(error instanceof Error ? error.stack : error))}\n`);
  return ExitCode.internal;
}

/**
 * Ends the process after 2 s even if a handle is still open. The delay leaves time for output, and for a thread that
 * still infers.
 */
function end(code: number): void {
  process.exitCode = code;
  setTimeout(() => process.exit(code), 2_000).unref();
}
