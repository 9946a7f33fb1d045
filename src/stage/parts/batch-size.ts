import type { Config } from '../../config/schema.js';
import { reachOf } from '../../model/windows.js';
import { BatchSize } from '../batch-size.js';

/** Bytes of a value that one token reads, with some to spare: English has four to five, other scripts fewer. */
const BYTES_PER_TOKEN = 6;

/** How large batches may be for a model that reads so much of a text. */
export function batchSizeFor({ workers, model }: Pick<Config, 'workers' | 'model'>): BatchSize {
  return new BatchSize({
    most: workers.batchRecords,
    targetMs: workers.batchMs,
    textBytes: tokensRead(model) * BYTES_PER_TOKEN,
  });
}

function tokensRead({ longTexts, maxTokens, windowStrideTokens, maxWindows }: Config['model']): number {
  // The stride is no concern of a text that is cut off, and may be longer than it.
  if (longTexts === 'truncate') return maxTokens;
  return reachOf({ room: maxTokens, stride: windowStrideTokens, maxWindows });
}
