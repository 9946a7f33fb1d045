import type { Decoder } from '../../ports.js';
import { createDecoder, type DecodeOptions } from '../decode/decode.js';
import { rejected } from '../decode/rejection.js';
import type { FileInput } from './input.js';

/**
 * Decodes the records of a FileSource over the same inputs, each in its file's format (CSV rows come as JSON). A record
 * beyond the limit may be the head of a longer line, so its rejection does not say how long it was.
 */
export function createFileDecoder(inputs: readonly FileInput[], options: Omit<DecodeOptions, 'format'>): Decoder {
  const decoders = {
    text: createDecoder({ ...options, format: 'text' }),
    json: createDecoder({ ...options, format: 'json' }),
  };
  return {
    prepare: async () => undefined,
    decode: record => {
      if ((record.value?.length ?? 0) > options.maxValueBytes) {
        return rejected('VALUE_TOO_LARGE', `longer than ${options.maxValueBytes} bytes (input.maxValueBytes)`);
      }
      return decoders[inputs[record.partition]?.format === 'text' ? 'text' : 'json'].decode(record);
    },
  };
}
