import { existsSync, statSync } from 'node:fs';
import { access, constants, mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { makeWorkFolder, whyForeign } from '../files.js';
import { packageFile } from '../package.js';
import { run } from './commands.js';

/** The java command and the jars that run the broker. */
export interface JavaSetup {
  readonly command: string;
  readonly classpath: string;
}

export type Jars = { readonly classpath: string } | { readonly missing: string };

export const KAFKA_VERSION = '4.4.0';

export interface JarOptions {
  /** The folder for the jars; by default one for each version, in the package or in the user's cache. */
  readonly cacheDir?: string | undefined;
  readonly version?: string | undefined;
}

const MIN_JAVA = 17;
const DOWNLOAD_LIMIT_MS = 10 * 60_000;

/** Returns the java command if it is recent enough for Kafka 4; else the name of what is missing, for a message. */
export async function findJava(javaHome?: string): Promise<{ command: string } | { missing: string }> {
  const command = javaHome ? join(javaHome, 'bin', 'java') : 'java';
  const { ok, output } = await run(command, ['-version']);
  const major = Number(/version "(\d+)/.exec(output)?.[1] ?? Number.NaN);
  if (!ok || Number.isNaN(major))
    return { missing: `Java ${MIN_JAVA} or later (\`${command} -version\` does not run)` };
  return major >= MIN_JAVA ? { command } : { missing: `Java ${MIN_JAVA} or later (\`${command}\` is Java ${major})` };
}

/**
 * Returns the broker's jars (44 files, 43 MB), fetched from Maven Central at the first call and kept in a cache folder.
 * `missing` is the reason if there are none. Two processes may do this at once: each downloads into a separate folder,
 * and the second to finish uses the jars of the first.
 */
export async function kafkaJars(log: (line: string) => void, options: JarOptions = {}): Promise<Jars> {
  const version = options.version ?? KAFKA_VERSION;
  const cache = options.cacheDir ?? (await defaultCache(version));
  const libs = join(cache, 'libs');
  const found: Jars = { classpath: join(libs, '*') };
  const foreign = [dirname(cache), cache, libs].map(whyNotRun).find(Boolean);
  if (foreign) return { missing: `the jars of Kafka (${foreign})` };
  if (existsSync(libs)) return found;
  const maven = await run('mvn', ['--version']);
  if (!maven.ok) return { missing: 'Maven, which fetches the jars of Kafka (`mvn --version` does not run)' };
  log(`fetching Apache Kafka ${version} from Maven Central into ${cache} (43 MB, once)`);
  const failure = await download(cache, version);
  return failure === undefined ? found : { missing: `the jars of Kafka (Maven could not fetch them: ${failure})` };
}

/** The jars are run: those of another user would do what that user wishes. Whoever owns the package is trusted already. */
function whyNotRun(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return undefined;
  const ofPackage = found.uid !== process.getuid?.() && found.uid === statSync(packageFile('')).uid;
  return ofPackage ? undefined : whyForeign({ path, configured: true });
}

async function download(cache: string, version: string): Promise<string | undefined> {
  await mkdir(dirname(cache), { recursive: true });
  const own = makeWorkFolder(`${basename(cache)}.download-`, dirname(cache));
  try {
    const { ok, output } = await run('mvn', mavenArgs(join(own, 'libs'), version), DOWNLOAD_LIMIT_MS);
    if (!ok) return firstError(output);
    await rename(own, cache).catch(error => {
      // ENOTEMPTY or EEXIST: another process was faster, and its jars are as good.
      if (!existsSync(join(cache, 'libs'))) throw error;
    });
    return undefined;
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

function mavenArgs(outputDirectory: string, version: string): string[] {
  return [
    '-B',
    '-q',
    '-f',
    packageFile('scripts/kafka/pom.xml'),
    `-Dkafka.version=${version}`,
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${outputDirectory}`,
  ];
}

function firstError(output: string): string {
  return output.split('\n').find(line => line.includes('ERROR')) ?? 'it took longer than ten minutes';
}

/**
 * Returns the cache inside the package if it can be written to (a clone), else the one in the user's cache (a global
 * installation).
 */
async function defaultCache(version: string): Promise<string> {
  const root = packageFile('');
  const writable = await access(root, constants.W_OK).then(
    () => true,
    () => false,
  );
  const base = writable ? join(root, '.cache') : join(homedir(), '.cache', 'siftline');
  return join(base, `kafka-${version}`);
}
