#!/usr/bin/env node
import { CommanderError } from 'commander';
import { createProgram } from './cli/program.js';
import { ExitCode, SiftlineError } from './errors.js';
import { printableLines } from './observe/printable.js';
import { packageVersion } from './package.js';

const { argv, env, stdin, stdout, stderr } = process;

// Ignores EPIPE: the reader of the pipe is gone, as `head` is after its last line. An output that must be stored
// (`JsonlSink`) notices EPIPE by itself.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
// Ignores a disk that is full as well: there is no other place to tell of it, and the work itself is well.
stderr.on('error', () => {});

try {
  const context = { env, version: packageVersion(), stdin, stdout, stderr };
  await (await createProgram(context, argv[2])).parseAsync(argv);
  end(Number(process.exitCode ?? ExitCode.ok));
} catch (error) {
  end(exitCodeOf(error));
}

/** Writes the error and returns its exit code. A user's mistake takes one line; only a bug shows its stack. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
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
