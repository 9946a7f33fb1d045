/**
 * Names the places of a record's journey at which a test may act. Nothing acts there unless `onFailPoint` was called,
 * and nothing in src calls it.
 */
export const FAIL_POINTS = [
  'taken',
  'inferring',
  'classified',
  'publishing',
  'transaction-begun',
  'half-sent',
  'sent',
  'offsets-sent',
  'committed',
  'published',
  'settling',
] as const;
export type FailPoint = (typeof FAIL_POINTS)[number];

/** Acts at a place. `key` is the key of the record that passes, where a single record passes. */
export type FailPointHook = (name: FailPoint, key: Buffer | null | undefined) => void;

let hook: FailPointHook = () => {};

/** Sets the hook; the latest hook replaces the one before. */
export function onFailPoint(act: FailPointHook): void {
  hook = act;
}

/** Marks a place in the code, and calls the hook there. */
export function failPoint(name: FailPoint, key?: Buffer | null): void {
  hook(name, key);
}
