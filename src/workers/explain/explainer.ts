import type { Model } from '../../model/model.js';
import type { Explanation } from '../../ports.js';
import { explain, type Limits, type ScoringModel, type Target } from './occlusion.js';

export interface Question {
  readonly text: string;
  readonly targets: readonly Target[];
  readonly limits: Limits;
}

/** Explains texts with a model: all variants of a text go through it as one planned batch. */
export class Explainer {
  readonly #model: ScoringModel;

  constructor(model: Model, runTokens: number) {
    this.#model = {
      score: texts => scoresOf(model, texts, runTokens),
      blank: word => model.blank(word),
      fits: text => model.fits(text),
    };
  }

  explain({ text, targets, limits }: Question): Promise<Explanation[]> {
    return explain(text, targets, { model: this.#model, limits });
  }
}

async function scoresOf(model: Model, texts: readonly string[], runTokens: number): Promise<Float64Array[]> {
  const { scores, failures } = await model.classify(texts, runTokens);
  if (failures.size > 0) throw new Error(`a variant of the text has no score: ${[...failures.values()][0]}`);
  const width = scores.length / texts.length;
  return texts.map((_, row) => scores.subarray(row * width, (row + 1) * width));
}
