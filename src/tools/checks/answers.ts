import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import { type Finding, fail, failure, ok, warn } from '../../observe/finding.js';
import { effectiveTasks } from '../../policy/policy.js';
import type { Task } from '../../ports.js';
import { Closers } from '../../stage/closers.js';
import { labelReaderOf, openReading } from '../../stage/topics.js';

/** Warns of bands that begin below the threshold of their label: such a text is reviewed without having the label. */
export function checkBands({ policy }: Pick<Config, 'policy'>, tasks: readonly Task[]): Finding[] {
  const low = effectiveTasks(policy, tasks).flatMap(({ name, labels, thresholds, activation }) =>
    labels.flatMap((label, i) => {
      const { review, block } = policy.bands?.[name]?.[label] ?? {};
      const [least, threshold = 0] = [Math.min(review ?? 1, block ?? 1), thresholds[i]];
      const contradicts = activation === 'sigmoid' && (review ?? block) !== undefined && least < threshold;
      return contradicts ? [`${name}/${label}: the band begins at ${least}, the label is given from ${threshold}`] : [];
    }),
  );
  if (low.length === 0) return [];
  const text = 'bands begin below the thresholds of their labels, so texts are reviewed or blocked without the label';
  return [{ ...warn('policy', text, 'raise the band, or lower the threshold (policy.thresholds)'), details: low }];
}

/** Says what cannot be done with answers that leave scores out or round them. */
export function checkScores({ output }: Pick<Config, 'output'>): Finding[] {
  const { scores, scoreDigits } = output;
  if (scores === 'all' && scoreDigits === undefined) return [];
  const what = [
    ...(scores === 'all' ? [] : [`output.scores is ${scores}`]),
    ...(scoreDigits === undefined ? [] : [`output.scoreDigits is ${scoreDigits}`]),
  ];
  return [
    warn(
      'output',
      `${what.join(' and ')}: \`audit --against\` can compare only the scores that are left, and bands or thresholds cannot be tried on stored labels`,
      'give output.scores: all, and no scoreDigits, where labels are compared or a policy is tried on them',
    ),
  ];
}

/** The offsets before the end of a partition in which the last record is looked for: markers follow a transaction. */
const LAST_OFFSETS = 10n;

/**
 * Looks at the last record of each partition of the labels topic. Two versions on one topic break readers that know one
 * of them.
 */
export async function checkVersion(config: Config, log: Logger): Promise<Finding[]> {
  const { labelsTopic, schemaVersion } = config.output;
  const closers = new Closers(log);
  try {
    const { reader } = await openReading({ config, topics: [labelsTopic], readUncommitted: false, closers, log });
    const labels = labelReaderOf(config);
    const found = new Set<number>();
    for (const range of await reader.bounds(labelsTopic)) {
      const from = range.to - LAST_OFFSETS > range.from ? range.to - LAST_OFFSETS : range.from;
      for await (const { records } of reader.read({ ...range, from })) {
        for (const record of records) {
          const label = labels.read(record);
          if (label.kind === 'label') found.add(label.version);
        }
      }
    }
    return versionFinding([...found], config) ?? [ok('output', `${labelsTopic}: version ${schemaVersion}`)];
  } catch (error) {
    return [failure('output', error)];
  } finally {
    await closers.close();
  }
}

function versionFinding(found: readonly number[], { output, input }: Config): Finding[] | undefined {
  const { labelsTopic, schemaVersion } = output;
  const others = found.filter(version => version !== schemaVersion);
  if (others.length === 0) return undefined;
  const text = `${labelsTopic} holds labels of version ${others.join(' and ')}, and output.schemaVersion is ${schemaVersion}`;
  const remedy = `name a new topic in output.labelsTopic, create it (siftline topics --apply), let its readers read it from the start, then restart group ${input.group}; or give output.schemaVersion: ${others[0]}`;
  return [fail('output', text, remedy)];
}
