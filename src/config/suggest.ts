import { distance } from 'fastest-levenshtein';
import { envName, fieldNames, listSections } from './fields.js';

/** Returns the complaint about a path, in the file or in a flag, that belongs to no field. */
export function unknownField(path: string): string {
  const names = [...fieldNames(), ...listSections().map(section => section.path)];
  return suggestion(path, names, name => name) ?? `is not a field; ${listing(parentOf(path), names)}`;
}

/** Returns the complaint about a variable that belongs to no field. */
export function unknownVariable(variable: string): string {
  const path = variable.replace(/^SIFTLINE_/, '').replaceAll('__', '.');
  return (
    suggestion(path, fieldNames(), envName) ??
    'is not a field; correct the name (docs/configuration.md lists the variables), or unset it'
  );
}

/** Returns the complaint about a key that a mapping with fixed keys does not have. */
export function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  return near === undefined
    ? `is not a field; give one of ${known.join(', ')}`
    : `is not a field; did you mean ${near}?`;
}

/**
 * Suggests a name: first from the same section, then the same name in another section, then the nearest name of all.
 */
function suggestion(path: string, names: readonly string[], spell: (name: string) => string): string | undefined {
  const sibling = nearest(path, childrenOf(parentOf(path), names), lastOf);
  if (sibling !== undefined) return `is not a field; did you mean ${spell(sibling)}?`;
  const namesakes = names.filter(name => stem(lastOf(name)) === stem(lastOf(path))).slice(0, 3);
  if (namesakes.length > 0) return `is not a field here; it belongs at ${namesakes.map(spell).join(' or ')}`;
  const anywhere = nearest(path, names) ?? nearest(path, names, lastOf);
  return anywhere === undefined ? undefined : `is not a field; did you mean ${spell(anywhere)}?`;
}

/**
 * Returns the nearest name, if it differs in no more than a quarter of its letters; `part` selects the part to compare.
 */
function nearest(unknown: string, names: readonly string[], part = (name: string) => name): string | undefined {
  const wanted = part(unknown).slice(0, 100);
  const ranked = names.map(name => ({ name, far: difference(wanted, part(name)) })).sort((a, b) => a.far - b.far);
  const best = ranked[0];
  return best !== undefined && best.far <= Math.max(1, wanted.length / 4) ? best.name : undefined;
}

/** Counts the letters to change. A name that differs only in its unit is nearer than a name with one letter changed. */
function difference(a: string, b: string): number {
  const letters = distance(lettersOf(a), lettersOf(b));
  return stem(a) === stem(b) ? Math.min(letters, 0.5) : letters;
}

function listing(parent: string, names: readonly string[]): string {
  const siblings = childrenOf(parent, names);
  const [owner, children] = siblings.length > 0 ? [parent, siblings] : ['', childrenOf('', names)];
  return `${owner === '' ? 'the configuration' : owner} has ${children.map(lastOf).join(', ')}`;
}

function childrenOf(parent: string, names: readonly string[]): string[] {
  return names.filter(name => lettersOf(parentOf(name)) === lettersOf(parent));
}

/** Returns the letters and digits of a name in lower case: case and separators make no difference. */
function lettersOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Returns a name without a unit, or the `File`, at its end. */
function stem(name: string): string {
  return lettersOf(name).replace(/(ms|millis|seconds|bytes|records|file)$/, '');
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('.')));
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
