import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runScript, type ScriptOptions, scoresByTask } from './script.js';

/** kafkajs + transformers.js: its tokenizer and its model class. Each chunk is padded to its longest text. */
interface TransformersOptions extends ScriptOptions {
  /** The folder that transformers.js is installed in. */
  readonly home: string;
  /** The folder of the models, and the name of the model in it. */
  readonly models: string;
  readonly model: string;
  readonly threads: number;
}

interface Encoding {
  readonly input_ids: { readonly dims: readonly number[] };
  readonly attention_mask: { readonly data: ArrayLike<bigint> };
}

/** The few names of transformers.js that are used here; it is not a dependency of this project. */
interface TransformersJs {
  readonly env: { localModelPath: string; allowRemoteModels: boolean };
  readonly AutoTokenizer: {
    from_pretrained(name: string): Promise<(texts: readonly string[], options: object) => Encoding>;
  };
  readonly AutoModel: {
    from_pretrained(name: string, options: object): Promise<(inputs: Encoding) => Promise<Record<string, unknown>>>;
  };
}

const options = JSON.parse(process.argv[2] ?? '') as TransformersOptions;
const installed = createRequire(join(options.home, 'package.json')).resolve('@huggingface/transformers');
const { env, AutoTokenizer, AutoModel } = (await import(
  pathToFileURL(installed.replace(/\.cjs$/, '.mjs')).href
)) as TransformersJs;
env.localModelPath = options.models;
env.allowRemoteModels = false;
const tokenizer = await AutoTokenizer.from_pretrained(options.model);
const session_options = { intraOpNumThreads: options.threads };
const model = await AutoModel.from_pretrained(options.model, { dtype: 'fp32', session_options });

await runScript(options, async texts => {
  const inputs = tokenizer(texts, { padding: true, truncation: true, max_length: 128 });
  const outputs = Object.entries(await model(inputs)).map(
    ([name, tensor]) => [name, (tensor as { data: ArrayLike<number> }).data] as const,
  );
  return {
    answers: scoresByTask(Object.fromEntries(outputs), options.tasks, texts.length),
    tokens: Array.from(inputs.attention_mask.data).filter(bit => Number(bit) === 1).length,
    paddedTokens: inputs.input_ids.dims.reduce((product, each) => product * each, 1),
  };
});
