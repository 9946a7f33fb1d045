import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { createDecoder } from '../consumer/decode/decode.js';
import { type Verdict, verdictOn } from '../policy/decision-rule.js';
import { labelColumns, labelsCalled, requireTasks } from '../policy/watched-labels.js';
import type { Decision, Decoded, Explanation, Rejection, Scored, TaskResult, WordContribution } from '../ports.js';
import { type ExplainLimits, strongestWords } from '../workers/explain/occlusion.js';
import type { FileFormat } from './choices.js';
import { buildJudging, decodedRecords, inputsFrom, type Judging } from './offline.js';

/** Names the texts to explain: arguments of the command line, or the texts of files. */
export type TextSource =
  | { readonly texts: readonly string[] }
  | {
      readonly files: readonly string[];
      readonly format: FileFormat | undefined;
      readonly stdin: NodeJS.ReadableStream;
    };

/** Configures an ExplainRun. */
export interface ExplainOptions {
  readonly config: Config;
  /** The only tasks to explain; all when undefined. */
  readonly tasks: readonly string[] | undefined;
  /**
   * Labels to explain, whether they are given or not. When undefined: the labels that are given, else the highest
   * label.
   */
  readonly labels: readonly string[] | undefined;
  /** Number of words that count as the strongest; `explain.topWords` when undefined. */
  readonly top: number | undefined;
  readonly log: Logger;
}

/** Names the place of a text; it is empty for a text of the command line. */
export interface TextPlace {
  readonly file?: string;
  readonly line?: number;
}

/** Holds the explanation of one label. */
export interface ExplainedLabel extends Explanation {
  /** The verdict on the score; undefined for a single-label task. */
  readonly verdict: Verdict | undefined;
  /** The words that count most, the strongest first. */
  readonly strongest: readonly WordContribution[];
}

/** Holds a text with its explanations, or the reason why there are none. */
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

/**
 * Texts that are read together. They are few, because each takes as long as a batch of `classify`, and is shown as soon
 * as the others of its batch are done.
 */
const BATCH_RECORDS = 8;

/** Explains which words of texts made the model answer as it does. */
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

  /**
   * Opens the inputs and the model; the threads run when this resolves. Throws for files, tasks or labels that do not
   * exist.
   */
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

  /**
   * Yields the explained texts batch by batch, in order. The texts of a batch are classified together, then each is
   * explained. Skipped records are left out.
   */
  async *batches(): AsyncGenerator<readonly ExplainedText[]> {
    for await (const batch of this.#given.batches()) yield await this.#explained(batch);
  }

  /** Takes no more texts. Texts that have been taken are still explained. */
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

/**
 * Returns a function that chooses the labels to explain: the labels asked for, else the labels that are given, else the
 * highest label. Only the tasks asked for count, or all when none are named.
 */
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

/** Limits the threads to one for a single text: a second thread would only load the model. */
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

/** Decodes arguments as the lines of a text file are decoded. */
function textsOfArguments(texts: readonly string[], { input }: Config): GivenTexts {
  const decoder = createDecoder({ ...input, format: 'text', envelope: 'none' });
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
