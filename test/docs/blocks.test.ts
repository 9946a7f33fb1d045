import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

interface Block {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly tag: { readonly kind: string; readonly value: string };
  readonly text: string;
}

interface Problem {
  readonly page: string;
  readonly line: number;
  readonly text: string;
}

interface Failure {
  readonly line: number;
  readonly command: string;
  readonly code: number | string;
  readonly output: string;
}

// contents.mjs and page.mjs take the program from `dist/`.
const module_ = (name: string) => import(pathToFileURL(resolve('scripts/docs', name)).href);
const { blocksOf, shareProblems } = (await module_('blocks.mjs')) as {
  blocksOf(page: string, text: string): { blocks: Block[]; problems: Problem[] };
  shareProblems(blocks: readonly Block[]): Problem[];
};
const { contentProblems } = (await module_('contents.mjs')) as {
  contentProblems(blocks: readonly Block[]): Problem[];
};
const { tryPage } = (await module_('page.mjs')) as {
  tryPage(page: string, blocks: readonly Block[], options: object): Promise<{ ran: number; failures: Failure[] }>;
};

function pageOf(...lines: string[]) {
  return blocksOf('page.md', lines.join('\n'));
}

function fenced(info: string, ...lines: string[]): string[] {
  return [`\`\`\`${info}`, ...lines, '```'];
}

test('a block has its language, its tag, its text and the line of its fence', () => {
  const forms: Array<[string, string, string, string]> = [
    ['sh run', 'sh', 'run', ''],
    ['sh slow=import', 'sh', 'slow', 'import'],
    ['sh not-here="a Kubernetes cluster"', 'sh', 'not-here', 'a Kubernetes cluster'],
    ['yaml file=siftline.yaml', 'yaml', 'file', 'siftline.yaml'],
    ['yaml part', 'yaml', 'part', ''],
    ['yaml not-here="a Prometheus"', 'yaml', 'not-here', 'a Prometheus'],
    ['json file=texts.jsonl', 'json', 'file', 'texts.jsonl'],
    ['python run', 'python', 'run', ''],
    ['sql not-here="ksqlDB"', 'sql', 'not-here', 'ksqlDB'],
    ['text output', 'text', 'output', ''],
  ];
  for (const [info, language, kind, value] of forms) {
    const { blocks, problems } = pageOf('# Title', '', ...fenced(info, 'one', '', '  two'), 'after');
    assert.deepEqual(problems, [], info);
    assert.deepEqual(blocks, [{ page: 'page.md', line: 3, language, tag: { kind, value }, text: 'one\n\n  two\n' }]);
  }
});

test('a block without a tag, or with one that its language does not take, is a problem that lists what it takes', () => {
  const wrong: Array<[string, RegExp]> = [
    ['', /no language; there are sh, yaml/],
    ['sh', /no tag; sh takes run, slow=NAME, not-here="what is missing"/],
    ['bash run', /the language bash/],
    ['sh runs', /the tag runs; sh takes/],
    ['sh run slow=x', /the tag run slow=x/],
    ['sh not-here', /the tag not-here/],
    ['sh not-here=""', /the tag not-here=""/],
    ['sh file=a.sh', /the tag file=a\.sh/],
    ['yaml run', /the tag run; yaml takes file=NAME, part/],
    ['yaml file=../siftline.yaml', /the tag file=\.\.\/siftline\.yaml/],
    ['text run', /the tag run; text takes output/],
  ];
  for (const [info, expected] of wrong) {
    const { blocks, problems } = pageOf('', ...fenced(info, 'x'));
    assert.deepEqual(blocks, [], info);
    assert.equal(problems[0]?.line, 2);
    assert.match(problems[0]?.text ?? '', expected);
  }
  assert.match(pageOf(...fenced('sh run', '# a comment', '')).problems[0]?.text ?? '', /no command/);
});

test('a fence ends at one of its kind and length, and its lines lose the indentation of the fence', () => {
  const inList = pageOf('1. first', '', '   ```sh run', '   echo a \\', '     b', '   ```', '', '2. second');
  assert.deepEqual(
    inList.blocks.map(({ text }) => text),
    ['echo a \\\n  b\n'],
  );
  const long = pageOf('````text output', '```sh', 'x', '```', '````');
  assert.deepEqual(
    long.blocks.map(({ text }) => text),
    ['```sh\nx\n```\n'],
  );
  assert.match(pageOf('```sh run', 'x').problems[0]?.text ?? '', /nothing closes/);
});

test('a block by indentation is a problem, and the text of a list is none', () => {
  const { problems } = pageOf('Run this:', '', '    siftline run', '    siftline check', '', 'And:', '', '    more');
  assert.deepEqual(
    problems.map(({ line }) => line),
    [3, 8],
  );
  const list = pageOf('- one', '  - two', '', '    a paragraph of two', '', 'Text', '    that goes on');
  assert.deepEqual(list.problems, []);
});

test('a page writes a file once', () => {
  const twice = [...fenced('yaml file=a.yaml', 'x: 1'), ...fenced('yaml file=a.yaml', 'x: 2')];
  assert.deepEqual(
    pageOf(...twice).problems.map(({ line, text }) => [line, text]),
    [[4, 'writes a.yaml a second time on this page']],
  );
});

test('a fifth of the sh blocks may be tagged not-here, and no more', () => {
  const blocks = (run: number, left: number) => {
    const lines = Array.from({ length: run }, () => fenced('sh run', 'x'));
    const missing = Array.from({ length: left }, () => fenced('sh not-here="Docker"', 'x'));
    const others = Array.from({ length: 10 }, () => fenced('text output', 'x'));
    return pageOf(...[...missing, ...lines, ...others].flat()).blocks;
  };
  assert.deepEqual(shareProblems(blocks(4, 1)), []);
  assert.deepEqual(shareProblems([]), []);
  assert.deepEqual(shareProblems(blocks(7, 2)), [
    { page: 'page.md', line: 4, text: 'of 9 sh blocks 2 are tagged not-here, and 1 may be' },
  ]);
});

test('a configuration, a part of one and JSON are taken as they are printed, or the problem names the cause', () => {
  const texts = (info: string, ...lines: string[]) =>
    contentProblems(pageOf(...fenced(info, ...lines)).blocks).map(({ text }) => text);
  assert.deepEqual(texts('yaml file=siftline.yaml', 'kafka:', '  brokers: [localhost:9092]'), []);
  assert.deepEqual(texts('yaml part', 'model:', '  tasks: [news]'), []);
  assert.deepEqual(texts('yaml not-here="Strimzi"', 'kind: KafkaUser'), []);
  assert.match(texts('yaml part', 'model:', '  tsks: [news]')[0] ?? '', /model\.tsks/);
  const intoInput = ['output:', '  labelsTopic: texts'];
  assert.deepEqual(texts('yaml file=siftline.yaml', ...intoInput), []);
  assert.match(texts('yaml part', ...intoInput)[0] ?? '', /labelsTopic/, 'it is merged with one that reads texts');
  assert.match(texts('yaml file=siftline.yaml', 'kafka: [')[0] ?? '', /is not taken: CONFIG_|siftline\.yaml/);
  assert.deepEqual(texts('json file=a.jsonl', '{"a": 1}', '{"a": 2}'), []);
  assert.match(texts('json file=a.jsonl', '{"a": 1}', '{"a"')[0] ?? '', /is not taken/);
});

const broker = { bootstrap: 'localhost:9092', env: {}, addressed: (text: string) => text, clear: async () => {} };

async function tried(...lines: string[]) {
  const { blocks, problems } = pageOf(...lines);
  assert.deepEqual(problems, []);
  return tryPage('page.md', blocks, { broker, slow: new Set() });
}

test('the blocks of a page run in order in one folder, and what is slow or not here is left out', async () => {
  const { ran, failures } = await tried(
    ...fenced('json file=a.json', '{"a": 1}'),
    ...fenced('sh run', 'cp a.json b.json'),
    ...fenced('sh slow=later', 'exit 1'),
    ...fenced('sh not-here="a broker"', 'exit 1'),
    ...fenced('sh run', 'grep -q 1 b.json'),
  );
  assert.deepEqual([ran, failures], [2, []]);
});

test('a failure has the line of its command in the page, its exit code and its output, and ends the page', async () => {
  const { ran, failures } = await tried(
    ...fenced('sh run', 'echo first', 'true'),
    ...fenced('sh run', 'echo before', 'sh -c "echo why >&2; exit 7" \\', '  second-line', 'echo never'),
    ...fenced('sh run', 'true'),
  );
  assert.equal(ran, 2);
  assert.deepEqual(failures, [
    { line: 7, command: 'sh -c "echo why >&2; exit 7" \\\n  second-line', code: 7, output: 'before\nwhy\n' },
  ]);
  const [pipe] = (await tried(...fenced('sh run', 'false | cat', 'true'))).failures;
  assert.deepEqual([pipe?.line, pipe?.code], [2, 1], 'a pipe fails with any of its commands');
  const [long] = (await tried(...fenced('sh run', 'true', 'true | \\', '  sh -c "exit 3"'))).failures;
  assert.deepEqual([long?.line, long?.command, long?.code], [3, 'true | \\\n  sh -c "exit 3"', 3]);
  const [unset] = (await tried(...fenced('sh run', 'true', 'echo "$NOT_SET_ANYWHERE"'))).failures;
  assert.match(unset?.output ?? '', /NOT_SET_ANYWHERE/);
});
