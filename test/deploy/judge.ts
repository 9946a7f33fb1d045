import { messageOf } from '../../src/errors.js';
import type { Manifest } from './kinds.js';
import { Rendered } from './rendered.js';
import { autoscaling } from './rules/autoscaling.js';
import { kafka } from './rules/kafka.js';
import { network } from './rules/network.js';
import { objects } from './rules/objects.js';
import { podSecurity } from './rules/pod-security.js';
import { program } from './rules/program.js';
import { rollout } from './rules/rollout.js';
import type { Rule } from './rules/rule.js';
import { sizes } from './rules/sizes.js';

const RULES: ReadonlyArray<readonly [name: string, rule: Rule]> = Object.entries({
  objects,
  podSecurity,
  sizes,
  rollout,
  program,
  kafka,
  autoscaling,
  network,
});

/** Everything that is wrong, a line each with the rule's name. What a rule cannot read at all is wrong too. */
export async function judge(manifests: readonly Manifest[]): Promise<string[]> {
  const rendered = new Rendered(manifests);
  const problems = RULES.map(async ([name, rule]) => {
    try {
      return (await rule(rendered)).map(problem => `${name}: ${problem}`);
    } catch (error) {
      return [`${name}: ${messageOf(error)}`];
    }
  });
  return (await Promise.all(problems)).flat();
}
