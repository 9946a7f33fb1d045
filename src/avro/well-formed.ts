/// <reference lib="es2024.string" />

/**
 * The same data with every lone surrogate as U+FFFD. avsc writes them as bytes ED A0 80, which no strict reader takes
 * for UTF-8. Walks strings, arrays and plain objects (keys too); copies only what it must change.
 */
export function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.isWellFormed() ? value : value.toWellFormed();
  if (Array.isArray(value)) return wellFormedArray(value);
  return isData(value) ? wellFormedObject(value) : value;
}

function wellFormedArray(values: readonly unknown[]): readonly unknown[] {
  const copies = values.map(wellFormed);
  return copies.every((copy, i) => copy === values[i]) ? values : copies;
}

function wellFormedObject(value: object): object {
  const entries = Object.entries(value);
  const copies = entries.map(([key, inner]) => [key.toWellFormed(), wellFormed(inner)] as const);
  const same = copies.every(([key, inner], i) => key === entries[i]?.[0] && inner === entries[i]?.[1]);
  return same ? value : Object.fromEntries(copies);
}

function isData(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
}
