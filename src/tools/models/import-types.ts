import type { Measured } from './card.js';
import type { LabelledText } from './texts.js';

export interface ImportOptions {
  readonly source: string;
  readonly output?: string | undefined;
  readonly name?: string | undefined;
  readonly precision: 'int8' | 'fp32' | 'as-is';
  readonly calibration?: string | undefined;
  readonly labelled?: string | undefined;
  readonly text: string;
  readonly label: string;
  readonly task?: string | undefined;
  readonly maxDelta: number;
  readonly maxAccuracyLoss: number;
  readonly maxTokens: number;
  readonly license?: string | undefined;
  readonly languages: readonly string[];
  readonly force: boolean;
}

export interface Imported {
  readonly output: string;
  readonly name: string;
  readonly version: string;
  readonly precision: string;
  readonly megabytes: number;
  readonly agreement: Measured;
  /** The speed as a multiple of the original's on the compared texts, in this thread; undefined for `as-is`. */
  readonly speedup: number | undefined;
  /** The notes for the user; each ends with the thing to do. */
  readonly warnings: readonly string[];
}

/** The texts that an import works with. */
export interface ImportTexts {
  readonly own: boolean;
  readonly calibration: readonly string[];
  /** The texts of the comparison; held out of the calibration if there are enough. */
  readonly comparison: readonly string[];
  readonly labelled: readonly LabelledText[];
}
