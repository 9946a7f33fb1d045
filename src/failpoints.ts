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

/** Called at every place; `key` is that of the record that comes by, where it is one record. */
export type FailPointHook = (name: FailPoint, key: Buffer | null | undefined) => void;

let hook: FailPointHook = () => {};

export function onFailPoint(act: FailPointHook): void {
  hook = act;
}

export function failPoint(name: FailPoint, key?: Buffer | null): void {
  hook(name, key);
}
