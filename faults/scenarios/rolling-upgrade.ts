import type { FailPoint } from '../../src/failpoints.js';
import { packageFile } from '../../src/package.js';
import type { Member } from '../members.js';
import { buildOlder, olderVersion } from '../older-version.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

/** The ways of a roll-out to replace an instance, and the death of one in the middle of a transaction. */
const WAYS = ['end, then start', 'start, then end', 'kill, then start'] as const;
const HALF_DONE: readonly FailPoint[] = ['half-sent', 'sent', 'offsets-sent'];

interface Replacement {
  readonly way: (typeof WAYS)[number];
  /** The main files of the version that goes and of the one that comes; undefined for this version. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** Instances of the version before this one are replaced under load, one after another; the full run also goes back. */
export const rollingUpgrade: Scenario = {
  name: 'rolling-upgrade',
  fault: 'instances of the version before replaced one by one',
  promises: ['exactly-once'],
  place: 'single',
  rate: 150,
  long: true,
  skip: () => {
    const older = olderVersion(packageFile('.'));
    return 'missing' in older ? `${older.missing}, and there is no version to upgrade from` : undefined;
  },
  run: async ([stage], { full }) => {
    const older = olderVersion(packageFile('.'));
    if (!stage || 'missing' in older) return;
    const built = await buildOlder(packageFile('.'), older);
    try {
      const { program } = built;
      const members = WAYS.map(() => stage.start({ program }));
      for (const member of members) await takesPart(member, older.name);
      await stage.moves(100);
      stage.notes.push(`from ${older.name} (${older.commit.slice(0, 12)})${full ? ', back, and again' : ''}`);
      await replaceAll(stage, members, { from: program, to: undefined });
      if (!full) return;
      await replaceAll(stage, members, { from: undefined, to: program });
      await replaceAll(stage, members, { from: program, to: undefined });
    } finally {
      built.remove();
    }
  },
};

async function replaceAll(stage: Stage, members: Member[], versions: Omit<Replacement, 'way'>): Promise<void> {
  const ways = stage.random.shuffled(WAYS);
  for (const [at, way] of ways.entries()) {
    const member = members[at];
    if (member) members[at] = await replaced(stage, member, { way, ...versions });
    await stage.moves(100);
  }
}

async function replaced(stage: Stage, member: Member, { way, from, to }: Replacement): Promise<Member> {
  stage.fault();
  if (way === 'end, then start') await member.end();
  if (way === 'kill, then start') {
    member.signal('SIGKILL');
    await stage.dies(stage.random.pick(HALF_DONE), { program: from });
  }
  const next = stage.start({ program: to });
  await takesPart(next, next.name);
  if (way === 'start, then end') await member.end();
  return next;
}

/** Waits until an instance has its partitions. A version that does not start is no result about an upgrade. */
async function takesPart(member: Member, name: string): Promise<void> {
  if (!(await member.event('assigned'))) throw new Error(`${name} did not start: ${member.log.at(-1) ?? 'no output'}`);
}
