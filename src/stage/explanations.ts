import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { createDecoder } from '../consumer/decode/decode.js';
import { type Verdict, verdictOn } from '../policy/decision-rule.js';
import { labelColumns, labelsCalled, requireTasks } from '../policy/watched-labels.js';
import type { Decision, Decoded, Explanation, Rejection, Scored, TaskResult, WordContribution } from '../ports.js';
import { type ExplainLimits, strongestWords } from '../workers/explain/occlusion.js';
import type { FileFormat } from './choices.js';
import { buildJudging, decodedRecords, inputsFrom, type Judging } from './offline.js';

/** Texts that are to be explained: those of the command line, or those of files. */
export type TextSource =
  | { readonly texts: readonly string[] }
  | {
      readonly files: readonly string[];
      readonly format: FileFormat | undefined;
      readonly stdin: NodeJS.ReadableStream;
    };

export interface ExplainOptions {
  readonly config: Config;
  /** Only these tasks. */
  readonly tasks: readonly string[] | undefined;
  /** These labels, given or not; without them those given, else the highest one. */
  readonly labels: readonly string[] | undefined;
  /** How many words count as the strongest; without it, `explain.topWords`. */
  readonly top: number | undefined;
  readonly log: Logger;
}

/** Where a text stood; empty for one of the command line. */
export interface TextPlace {
  readonly file?: string;
  readonly line?: number;
}

export interface ExplainedLabel extends Explanation {
  /** What the score comes to; undefined in a task in which the highest score wins. */
  readonly verdict: Verdict | undefined;
  /** The words that count most, the strongest first. */
  readonly strongest: readonly WordContribution[];
}

/** A text with the answers about it, or why there are none. */
export type ExplainedText = { readonly place: TextPlace } & (
  | Rejection
  | {
      readonly kind: 'explained';
      readonly id: string | null;
      readonly text: string;
      readonly truncated: boolean;
      readonly decision: Decision | null;
      readonly explanations: readonly ExplainedLabel[];
    }
);

interface GivenText {
  readonly decoded: Decoded;
  readonly place: TextPlace;
}

interface GivenTexts {
  batches(): AsyncIterable<readonly GivenText[]>;
  stop(): void;
}

/** Few at a time: each takes as long as a batch of `classify`, and is shown as soon as its neighbours are done. */
const BATCH_RECORDS = 8;

/** Says which words of texts made the model answer as it does. */
export class ExplainRun {
  readonly #given: GivenTexts;
  readonly #judging: Judging;
  readonly #options: ExplainOptions;
  readonly #policy: ReturnType<Judging['policyBy']>;
  readonly #targetsOf: ReturnType<typeof choiceOf>;

  private constructor(given: GivenTexts, judging: Judging, options: ExplainOptions) {
    this.#given = given;
    this.#judging = judging;
    this.#options = options;
    this.#policy = judging.policyBy(options.config.policy);
    this.#targetsOf = choiceOf(options, judging);
  }

  /** Throws for files, tasks or labels that are not there; the model's threads run when this resolves. */
  static async open(source: TextSource, options: ExplainOptions): Promise<ExplainRun> {
    const { config, log } = options;
    const given = await givenBy(source, config);
    const judging = await buildJudging('texts' in source ? forTexts(source.texts, config) : config, log);
    const run = new ExplainRun(given, judging, options);
    try {
      await judging.classifier.open();
    } catch (error) {
      await run.close();
      throw error;
    }
    return run;
  }

  /** Batch by batch, in order: texts are classified together, then each is explained. Skipped records are left out. */
  async *batches(): AsyncGenerator<readonly ExplainedText[]> {
    for await (const batch of this.#given.batches()) yield await this.#explained(batch);
  }

  /** No more texts; those that have been taken are still explained. */
  stop(): void {
    this.#given.stop();
  }

  close(): Promise<void> {
    return this.#judging.classifier.close();
  }

  async #explained(batch: readonly GivenText[]): Promise<ExplainedText[]> {
    const texts = batch.flatMap(({ decoded }) => (decoded.kind === 'text' ? [decoded.text] : []));
    const { answers } = await this.#judging.classifier.classify(texts);
    const scored = answers.values();
    const explained = batch.map(({ decoded, place }) => {
      if (decoded.kind === 'skipped') return [];
      if (decoded.kind === 'rejected') return [{ ...decoded, place }];
      return this.#explain({ ...decoded, place }, scored.next().value as Scored | Rejection);
    });
    return (await Promise.all(explained)).flat();
  }

  async #explain(
    { text, id, place }: { readonly text: string; readonly id: string | null; readonly place: TextPlace },
    scored: Scored | Rejection,
  ): Promise<ExplainedText[]> {
    if (scored.kind === 'rejected') return [{ ...scored, place }];
    const { results, decision } = this.#policy.judge(scored);
    const found = await this.#judging.classifier.explain(text, this.#targetsOf(results), this.#limits);
    if ('kind' in found) return [{ ...found, place }];
    const explanations = found.map(each => this.#withRule(each));
    return [{ kind: 'explained', place, id, text, truncated: scored.truncated, decision, explanations }];
  }

  #withRule(explanation: Explanation): ExplainedLabel {
    const verdict = verdictOn(this.#policy.tasks, explanation);
    return { ...explanation, verdict, strongest: strongestWords(explanation.words, this.#limits.topWords) };
  }

  get #limits(): ExplainLimits {
    const { config, top } = this.#options;
    const { maxWords, topWords } = config.explain;
    return { maxWords, topWords: top ?? topWords };
  }
}

/** Labels asked for, else those given, else the highest one; of the tasks asked for, else of all. */
function choiceOf({ tasks: wanted, labels }: ExplainOptions, { folder }: Judging) {
  const { tasks } = folder.info;
  requireTasks('--task', wanted ?? [], tasks);
  const targets = labelColumns(tasks).filter(target => wanted?.includes(target.task) ?? true);
  const called = labels && labelsCalled('--label', labels, targets);
  return (results: readonly TaskResult[]) =>
    called ??
    results.flatMap(result => {
      const given = result.labels.length > 0 ? result.labels : [result.label];
      return targets.filter(target => target.task === result.task && given.includes(target.label));
    });
}

/** One text is one thread's work: another would only load the model. */
function forTexts(texts: readonly string[], config: Config): Config {
  return texts.length === 1 ? { ...config, workers: { ...config.workers, count: 1 } } : config;
}

async function givenBy(source: TextSource, config: Config): Promise<GivenTexts> {
  if ('texts' in source) return textsOfArguments(source.texts, config);
  const names = source.files.length > 0 ? source.files : ['-'];
  const inputs = await inputsFrom(names, source.format, source.stdin);
  const { batches, stop } = decodedRecords(inputs, config, BATCH_RECORDS);
  return {
    async *batches() {
      for await (const batch of batches()) {
        yield batch.map(({ decoded, record: { topic, offset } }) => ({
          decoded,
          place: { ...(inputs.length > 1 ? { file: topic } : {}), line: Number(offset) + 1 },
        }));
      }
    },
    stop,
  };
}

/** Read as lines of a text file are. */
function textsOfArguments(texts: readonly string[], { input }: Config): GivenTexts {
  const decoder = createDecoder({ ...input, format: 'text' });
  const decodedOf = (text: string, i: number) =>
    decoder.decode({
      topic: 'arguments',
      partition: 0,
      offset: BigInt(i),
      timestamp: -1n,
      key: null,
      value: Buffer.from(text),
      headers: [],
    });
  const given = texts.map((text, i) => ({ decoded: decodedOf(text, i), place: {} }));
  return {
    async *batches() {
      yield given;
    },
    stop: () => {},
  };
}
