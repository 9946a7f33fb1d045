import type { Problem } from './problems.js';

/** A value somebody gave for a field, and where. */
export interface Given {
  readonly path: string;
  readonly value: unknown;
  /** For `LoadedConfig.sources`: `file <name>:<line>`, `env <NAME>` or `flag`. */
  readonly source: string;
  /** For an error message: where exactly the value, or the part of it at `rest`, was written. */
  readonly where: (rest: readonly PropertyKey[]) => string;
}

/** What one place (file, environment, flags) has to say. */
export interface Reading {
  readonly given: readonly Given[];
  readonly problems: readonly Problem[];
}

/** What was given, by field path. */
export type GivenByPath = ReadonlyMap<string, Given>;
