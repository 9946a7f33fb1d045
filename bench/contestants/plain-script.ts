import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { runScript, type ScriptOptions, scoresByTask } from './script.js';

/**
 * kafkajs + onnxruntime-node as people combine them: every text is padded to 128, with the engine's default options.
 */
interface PlainOptions extends ScriptOptions {
  readonly onnxFile: string;
  readonly tokenizerFile: string;
  readonly padId: number;
  readonly threads: number;
}

const WIDTH = 128;
const options = JSON.parse(process.argv[2] ?? '') as PlainOptions;
const tokenizer = new Tokenizer(JSON.parse(readFileSync(options.tokenizerFile, 'utf8')), {});
const session = await InferenceSession.create(options.onnxFile, { intraOpNumThreads: options.threads });

await runScript(options, async texts => {
  const ids = new BigInt64Array(texts.length * WIDTH).fill(BigInt(options.padId));
  const mask = new BigInt64Array(texts.length * WIDTH);
  let tokens = 0;
  texts.forEach((text, row) => {
    const all = tokenizer.encode(text).ids as number[];
    const own = all.length > WIDTH ? [...all.slice(0, WIDTH - 1), all.at(-1) ?? 0] : all;
    tokens += own.length;
    own.forEach((id, i) => {
      ids[row * WIDTH + i] = BigInt(id);
      mask[row * WIDTH + i] = 1n;
    });
  });
  const shape = [texts.length, WIDTH];
  const feeds: Record<string, Tensor> = {
    input_ids: new Tensor('int64', ids, shape),
    attention_mask: new Tensor('int64', mask, shape),
  };
  if (session.inputNames.includes('token_type_ids'))
    feeds.token_type_ids = new Tensor('int64', new BigInt64Array(ids.length), shape);
  const outputs = Object.entries(await session.run(feeds)).map(([name, { data }]) => [name, data as Float32Array]);
  return {
    answers: scoresByTask(Object.fromEntries(outputs), options.tasks, texts.length),
    tokens,
    paddedTokens: texts.length * WIDTH,
  };
});
