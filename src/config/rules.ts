import { accessRules } from './rules/access.js';
import { cascadeRules } from './rules/cascade.js';
import { longTextRules } from './rules/long-texts.js';
import { policyRules } from './rules/policy.js';
import type { Rule } from './rules/rule.js';
import { sizeRules } from './rules/sizes.js';
import { topicRules } from './rules/topics.js';

/** Every relation between fields that is checked before the start. */
export const RULES: readonly Rule[] = [
  ...topicRules,
  ...sizeRules,
  ...accessRules,
  ...longTextRules,
  ...cascadeRules,
  ...policyRules,
];
