import { kafkaErrorType } from '../kafka/errors.js';

const REFUSALS = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_TIMESTAMP', 'INVALID_RECORD']);

/** Why the brokers will not take a record, however often it is sent; undefined for any other error. */
export function refusalOf(error: unknown): string | undefined {
  const type = kafkaErrorType(error);
  return type && REFUSALS.has(type) ? type : undefined;
}
