import { join } from 'node:path';
import { run } from './command.js';

const MIN_JAVA = 17;

/** The java command, if it is recent enough for Kafka 4; else what is missing, for a message. */
export async function findJava(javaHome?: string): Promise<{ command: string } | { missing: string }> {
  const command = javaHome ? join(javaHome, 'bin', 'java') : 'java';
  const { ok, output } = await run(command, ['-version']);
  const major = Number(/version "(\d+)/.exec(output)?.[1] ?? Number.NaN);
  if (!ok || Number.isNaN(major))
    return { missing: `Java ${MIN_JAVA} or later (\`${command} -version\` does not run)` };
  return major >= MIN_JAVA ? { command } : { missing: `Java ${MIN_JAVA} or later (\`${command}\` is Java ${major})` };
}
