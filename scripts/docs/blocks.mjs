// The fenced blocks of a page, and the rules of their tags (the grammar stands in ../test-docs.mjs).
// Works on text alone, so that a unit test needs nothing else.

/**
 * @typedef {{ kind: 'run' | 'slow' | 'not-here' | 'file' | 'part' | 'output', value: string }} Tag
 * @typedef {{ page: string, line: number, language: string, tag: Tag, text: string }} Block `line` is that of the fence
 * @typedef {{ page: string, line: number, text: string }} Problem
 */

/** The tags that a language takes. */
export const FORMS = {
  sh: ['run', 'slow', 'not-here'],
  yaml: ['file', 'part', 'not-here'],
  json: ['run', 'file', 'not-here'],
  python: ['run', 'file', 'not-here'],
  sql: ['file', 'not-here'],
  text: ['output'],
};

/** The share of the sh blocks that may be tagged not-here. */
const NOT_HERE_SHARE = 1 / 5;

const FENCE = /^( *)(`{3,}|~{3,})(.*)$/;
const TAG = /^(?:(run|part|output)|(slow|file)=([\w][\w.-]*)|(not-here)="([^"]+)")$/;

/**
 * Returns the blocks of a page in order, and a problem for each one whose tag the grammar does not have.
 * @param {string} page its path @param {string} text
 * @returns {{ blocks: Block[], problems: Problem[] }}
 */
export function blocksOf(page, text) {
  const { fences, indented, unclosed } = scan(text.split('\n'));
  const problems = [];
  const problem = (line, what) => problems.push({ page, line, text: what });
  for (const line of indented) problem(line, 'is a block without a fence: give it one, and a tag');
  if (unclosed) problem(unclosed, 'is a fence that nothing closes');
  const blocks = [];
  for (const { line, info, lines } of fences) {
    const read = tagOf(info);
    if ('problem' in read) problem(line, read.problem);
    else if (read.language === 'sh' && lines.every(each => /^\s*(#.*)?$/.test(each))) problem(line, 'has no command');
    else blocks.push({ page, line, ...read, text: lines.map(each => `${each}\n`).join('') });
  }
  problems.push(...namedTwice(blocks));
  return { blocks, problems: problems.sort((a, b) => a.line - b.line) };
}

/**
 * Returns a problem if more than a fifth of the sh blocks are tagged not-here.
 * @param {readonly Block[]} blocks of all pages @returns {Problem[]}
 */
export function shareProblems(blocks) {
  const commands = blocks.filter(({ language }) => language === 'sh');
  const left = commands.filter(({ tag }) => tag.kind === 'not-here');
  const allowed = Math.floor(commands.length * NOT_HERE_SHARE);
  if (left.length <= allowed) return [];
  const what = `of ${commands.length} sh blocks ${left.length} are tagged not-here, and ${allowed} may be`;
  return [{ page: left[allowed].page, line: left[allowed].line, text: what }];
}

/**
 * Cuts a page at its fences. A fence ends at one of at least its length; the lines between lose its indentation.
 * A block by indentation is told from the text of a list by what is before it: a list goes on until a line at the margin.
 * @param {readonly string[]} lines
 */
function scan(lines) {
  const fences = [];
  const indented = [];
  let open;
  let [inList, wasBlank, wasIndented] = [false, true, false];
  for (const [i, line] of lines.entries()) {
    const [, indent = '', marks = '', rest = ''] = FENCE.exec(line) ?? [];
    if (open) {
      if (marks.startsWith(open.marks) && rest.trim() === '') open = undefined;
      else fences.at(-1).lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line.trimStart());
      continue;
    }
    if (marks) {
      open = { indent, marks, line: i + 1 };
      fences.push({ line: i + 1, info: rest.trim(), lines: [] });
      [wasBlank, wasIndented] = [false, false];
      continue;
    }
    const blank = line.trim() === '';
    if (/^\s*([-*+]|\d+\.) /.test(line) && !wasIndented) inList = true;
    else if (wasBlank && /^\S/.test(line)) inList = false;
    const code = !blank && !inList && /^( {4}|\t)/.test(line);
    if (code && wasBlank && !wasIndented) indented.push(i + 1);
    if (!blank) wasIndented = code && (wasBlank || wasIndented);
    wasBlank = blank;
  }
  return { fences, indented, unclosed: open?.line };
}

/** @param {string} info @returns {{ language: string, tag: Tag } | { problem: string }} */
function tagOf(info) {
  const [, language = '', given = ''] = /^(\S*)\s*(.*)$/.exec(info) ?? [];
  const forms = FORMS[language];
  if (!forms)
    return {
      problem: `has ${language ? `the language ${language}` : 'no language'}; there are ${Object.keys(FORMS).join(', ')}`,
    };
  const written = { slow: 'slow=NAME', file: 'file=NAME', 'not-here': 'not-here="what is missing"' };
  const takes = `${language} takes ${forms.map(form => written[form] ?? form).join(', ')}`;
  if (given === '') return { problem: `has no tag; ${takes}` };
  const [, bare, named, name, lacking, lacks] = TAG.exec(given) ?? [];
  const kind = bare ?? named ?? lacking;
  if (!forms.includes(kind)) return { problem: `has the tag ${given}; ${takes}` };
  return { language, tag: { kind, value: name ?? lacks ?? '' } };
}

/** @param {readonly Block[]} blocks of a page @returns {Problem[]} */
function namedTwice(blocks) {
  const files = blocks.filter(({ tag }) => tag.kind === 'file');
  const again = files.filter(({ tag }, i) => files.findIndex(each => each.tag.value === tag.value) < i);
  return again.map(({ page, line, tag }) => ({ page, line, text: `writes ${tag.value} a second time on this page` }));
}
