import { isAlias, isCollection, isMap, isScalar, type Node, parseDocument, type YAMLMap } from 'yaml';

type Path = readonly string[];

/**
 * A YAML text with one value set and every other byte as it was, comments and spaces among them. Undefined where that
 * cannot be done by inserting text: the caller has the library write the whole anew.
 */
export function insertValue(text: string, path: Path, value: string | number): string | undefined {
  const document = parseDocument(text);
  const there = document.getIn(path, true);
  if (isScalar(there)) return replaced(text, there, value);
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const parent = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true);
    if (parent === undefined) continue;
    if (!isMap(parent) || parent.items.length === 0) return undefined;
    const rest = path.slice(depth);
    return parent.flow ? intoFlow(text, parent, [rest, value]) : intoBlock(text, parent, [rest, value]);
  }
  return undefined;
}

function replaced(text: string, { range, type }: Node & { type?: string }, value: string | number): string | undefined {
  if (!range || range[0] === range[1] || type?.startsWith('BLOCK')) return undefined;
  return text.slice(0, range[0]) + plain(value) + text.slice(range[1]);
}

/** After the last member, on its line: `{a: 1}` becomes `{a: 1, b: 2}`. */
function intoFlow(text: string, parent: YAMLMap, [path, value]: readonly [Path, string | number]): string | undefined {
  const end = endOf(parent.items.at(-1)?.value as Node);
  if (end === undefined) return undefined;
  const [first = '', ...rest] = path;
  const inner = rest.reduceRight((body, key) => `{${plain(key)}: ${body}}`, plain(value));
  return `${text.slice(0, end)}, ${plain(first)}: ${inner}${text.slice(end)}`;
}

/** On lines of its own after the last member, as far in as the first. */
function intoBlock(text: string, parent: YAMLMap, [path, value]: readonly [Path, string | number]): string | undefined {
  const start = (parent.items[0]?.key as Node | undefined)?.range?.[0];
  const end = endOf(parent.items.at(-1)?.value as Node);
  if (start === undefined || end === undefined) return undefined;
  const indent = ' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1));
  const step = /^( {2,8})\S/m.exec(text)?.[1] ?? '  ';
  const lines = path.map(
    (key, i) => `${indent}${step.repeat(i)}${plain(key)}:${i < path.length - 1 ? '' : ` ${plain(value)}`}\n`,
  );
  const newline = text[end - 1] === '\n' ? end - 1 : text.indexOf('\n', end);
  const before = newline < 0 ? `${text}\n` : text.slice(0, newline + 1);
  return before + lines.join('') + (newline < 0 ? '' : text.slice(newline + 1));
}

/** Where the last thing in a node ends; undefined for nothing at all. */
function endOf(node: Node | null | undefined): number | undefined {
  if (isCollection(node) && !node.flow) {
    const last = node.items.at(-1);
    return endOf((isMap(node) ? (last as { value?: Node } | undefined)?.value : last) as Node | undefined);
  }
  const isEmpty = node?.range && node.range[0] === node.range[1];
  return isEmpty || !(isScalar(node) || isCollection(node) || isAlias(node)) ? undefined : node?.range?.[1];
}

/** A name or number as YAML has it; in quotes when it might be read as anything but itself. */
function plain(value: string | number): string {
  if (typeof value === 'number') return String(value);
  return /^[A-Za-z][\w-]*$/.test(value) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value)
    ? value
    : JSON.stringify(value);
}
