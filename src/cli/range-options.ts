import { type Command, InvalidArgumentError } from 'commander';
import { BOUND_HELP } from '../kafka/range.js';

export interface RangeFlags {
  readonly from?: string;
  readonly to?: string;
  readonly partition?: readonly number[];
}

/** Adds `--from`, `--to` and `--partition`; `what` is what they count. */
export function withRangeOptions(command: Command, what: string): Command {
  return command
    .option('--from <place>', `first ${what}: ${BOUND_HELP}; the oldest without it`)
    .option('--to <place>', `where to end, not included; the end as it is at the start without it`)
    .option('--partition <list>', 'only these partitions, comma-separated', partitions);
}

/** For options that take a whole number from 1. */
export function positive(value: string): number {
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('give a whole number from 1.');
}

/** For options that take a whole number from 0. */
export function natural(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('give a whole number from 0.');
}

/** For options that take a comma-separated list. */
export function list(value: string): string[] {
  return value.split(',').filter(each => each !== '');
}

function partitions(value: string): number[] {
  return value.split(',').map(natural);
}
