import { accessRules } from './access.js';
import { cascadeRules } from './cascade.js';
import { longTextRules } from './long-texts.js';
import { policyRules } from './policy.js';
import type { Rule } from './rule.js';
import { sizeRules } from './sizes.js';
import { topicRules } from './topics.js';

/** Every relation between fields that is checked before the start. */
export const RULES: readonly Rule[] = [
  ...topicRules,
  ...sizeRules,
  ...accessRules,
  ...longTextRules,
  ...cascadeRules,
  ...policyRules,
];
