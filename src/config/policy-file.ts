import type { Document } from 'yaml';
import { documentOf, type Path, type Placed, requireMappings, withValues } from './yaml-edit.js';

export interface PolicyChange {
  readonly task: string;
  readonly thresholds: Readonly<Record<string, number>>;
  /** Of a policy that has none yet; with `rename`, of any. */
  readonly version: string;
  readonly rename: boolean;
}

/**
 * The text of a configuration file with other thresholds for one task; without a text, of a new file. Comments, order and
 * other fields stay, and nearly always every other byte. Throws CONFIG_UNREADABLE for what
 * is not YAML, CONFIG_INVALID where the policy is no mapping.
 */
export function withThresholds(file: string, text: string, change: PolicyChange): string {
  const document = documentOf(file, text);
  const path = ['policy', 'thresholds', change.task];
  requireMappings(file, document, path);
  return withValues(file, text, valuesOf(document, path, change));
}

function valuesOf(document: Document, path: Path, change: PolicyChange): Placed[] {
  const version = ['policy', 'version'];
  const thresholds = Object.entries(change.thresholds).map(([label, value]) => [[...path, label], value] as const);
  return change.rename || !document.hasIn(version) ? [[version, change.version], ...thresholds] : thresholds;
}
