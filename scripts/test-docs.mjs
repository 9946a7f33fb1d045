#!/usr/bin/env node
// The body of `npm run test:docs`: tries every block that README and docs print.
//
//   npm run test:docs                         every page; what is tagged slow is left out
//   npm run test:docs -- README.md tools      only pages with one of these in their path
//   npm run test:docs -- --slow import        the blocks tagged slow=import, and the blocks of their pages; may be repeated
//   npm run test:docs -- --list               the blocks and their tags; runs nothing
//   npm run test:docs -- --check              tags, configurations and JSON alone; a step of `npm run check`
//
// PAGES are the Markdown files at the root, in docs, deploy and training, and the READMEs of examples and models.
//
// TAGS. A block is fenced, and its info string is a language and one tag:
//
//   ```sh run              commands that a user types. They end with exit code 0, in under 60 s
//   ```sh slow=NAME        the same, and longer; run by name
//   ```sh not-here="..."   not run: names what is missing, such as "a Kubernetes cluster". At most a fifth of the sh blocks
//   ```yaml file=NAME      a whole configuration, written to that file of the page; a file has one block a page
//   ```yaml part           fields of a configuration; they are merged over a minimal one, and checked
//   ```json file=NAME      written to that file; of a .jsonl each line is JSON. `json run` only has to be JSON
//   ```python run          run by python3
//   ```python file=NAME    written to that file; so is `sql file=NAME`
//   ```text output         sample output, not tried
//
// yaml, json, python and sql also take not-here="...". There are no other languages, tags or blocks: a block by
// indentation, a fence without a tag and an unknown tag are failures.
//
// A PAGE has one folder, which is empty at first, or a copy of the example for a page of examples. Its blocks go through
// it in order, sh blocks by `bash -euo pipefail`. After a failure the rest of the page is left out.
//
//   - `siftline` is the program of this tree. `npm run` and `npm test` run in the checkout.
//   - A broker without topics answers at localhost:9092, and each page finds it so. Where that port or 9464, that of the
//     metrics, is taken, another address is put into what is run, and the runner says so.
//   - `kafka-console-producer.sh` sends the lines of its input; of its options it has --bootstrap-server and --topic.
//   - `siftline run`: its input topics that exist and are empty are fed some records first (docs/fixtures.mjs). It ends
//     by SIGTERM after its first label or rejection, once no more come for a second, and its exit code has to be 0. On a
//     page whose commands ask localhost:9464 it goes on until the page ends.
//   - `siftline demo` without --exit ends by SIGTERM after its first label.
//   - A placeholder, such as my-model or dev.csv, is made by the table in docs/fixtures.mjs, unless a block of the page
//     writes it.
//
// FAILURES are printed as page:line with the command, its exit code and the last lines of its output. The exit code is
// then 1; 2 for a mistake on the command line. A run block of more than 60 s is named at the end and is no failure.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf, shareProblems } from './docs/blocks.mjs';
import { filesUnder, ROOT, say, setup } from './setup.mjs';

const { only, slow, mode } = options(process.argv.slice(2));
const read = pagePaths().map(page => ({ page, ...blocksOf(page, readFileSync(join(ROOT, page), 'utf8')) }));
const blocks = read.flatMap(page => page.blocks);

const names = new Set(blocks.filter(({ tag }) => tag.kind === 'slow').map(({ tag }) => tag.value));
const unknown = [...slow].find(name => !names.has(name));
if (unknown !== undefined) usage(`no block is tagged slow=${unknown}; there are ${[...names].join(', ') || 'none'}`);
const chosen = read.filter(({ page }) => only.length === 0 || only.some(part => page.includes(part)));
if (chosen.length === 0) usage(`no page has ${only.join(' or ')} in its path`);

if (mode === '--list') {
  for (const { page, line, language, tag } of chosen.flatMap(each => each.blocks)) {
    console.log(`${page}:${line}  ${language} ${tag.kind}${tag.value ? `=${JSON.stringify(tag.value)}` : ''}`);
  }
} else {
  setup();
  const { contentProblems } = await import('./docs/contents.mjs');
  const problems = [...read.flatMap(page => page.problems), ...shareProblems(blocks), ...contentProblems(blocks)];
  for (const { page, line, text } of problems) say(`${page}:${line}: ${text}`);
  if (problems.length > 0) process.exitCode = 1;
  else if (mode !== '--check') process.exitCode = await tryAll();
}

/** @returns {Promise<number>} the exit code */
async function tryAll() {
  const { startDocsBroker } = await import('./docs/broker.mjs');
  const { abandon, isTried, lastLines, tryPage } = await import('./docs/page.mjs');
  const wanted = ({ blocks }) =>
    blocks.some(block => isTried(block, slow)) &&
    (slow.size === 0 || only.length > 0 || blocks.some(({ tag }) => slow.has(tag.value)));
  const broker = await startDocsBroker(say);
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ]) {
    process.once(signal, () => {
      abandon();
      process.exit(code);
    });
  }
  const all = [];
  try {
    for (const { page, blocks } of chosen.filter(wanted)) {
      say(page);
      const tried = await tryPage(page, blocks, { broker, slow });
      for (const { line, command, code, output } of tried.failures) {
        console.log(
          `\nFAILED ${page}:${line}: ${command}\nexit code ${code}; the last lines of its output:\n${lastLines(output)}\n`,
        );
      }
      all.push(tried);
    }
    if (slow.size === 0) all.push(...chosen.filter(page => !wanted(page)).map(leftOut));
  } finally {
    await broker.stop();
  }
  return summary(all);
}

/** A page of which nothing is tried. @returns {import('./docs/page.mjs').Tried} */
function leftOut({ page, blocks }) {
  const left = blocks.filter(({ tag }) => tag.kind === 'slow' || tag.kind === 'not-here');
  return { page, ran: 0, written: 0, left, long: [], failures: [], seconds: 0 };
}

/** @param {readonly import('./docs/page.mjs').Tried[]} all @returns {number} the exit code */
function summary(all) {
  const failed = all.flatMap(({ page, failures }) => failures.map(({ line }) => `${page}:${line}`));
  for (const { page, ran, written, left, failures, seconds } of all) {
    const names = left.map(({ tag }) => (tag.kind === 'slow' ? `slow=${tag.value}` : tag.value));
    const rest = names.length > 0 ? [`left out: ${[...new Set(names)].join(', ')}`] : [];
    const done = ran + written > 0 ? [`${ran} run, ${written} written, in ${seconds.toFixed(0)} s`] : [];
    if (done.length + rest.length === 0) continue;
    const mark = failures.length > 0 ? 'FAILED' : done.length > 0 ? 'ok    ' : '-     ';
    console.log(`${mark} ${page}: ${[...done, ...rest].join('; ')}`);
  }
  for (const each of all.flatMap(({ long }) => long))
    console.log(`${each}: tag it slow=NAME, if a free machine is no faster`);
  const ran = all.reduce((sum, each) => sum + each.ran, 0);
  console.log(`${ran} blocks run, ${failed.length} failed${failed.length > 0 ? `: ${failed.join(', ')}` : ''}`);
  return failed.length > 0 ? 1 : 0;
}

/** @returns {string[]} */
function pagePaths() {
  const folders = ['docs', 'deploy', 'examples', 'models', 'training'];
  const under = folders.filter(folder => existsSync(join(ROOT, folder))).flatMap(filesUnder);
  const readme = path => !/^(examples|models)\//.test(path) || /^[^/]+\/([^/]+\/)?README\.md$/.test(path);
  const root = readdirSync(ROOT)
    .filter(file => file.endsWith('.md'))
    .sort();
  return [...root, ...under.filter(path => path.endsWith('.md') && readme(path))];
}

/** @param {readonly string[]} args */
function options(args) {
  const found = { only: [], slow: new Set(), mode: undefined };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === '--slow') found.slow.add(args[++i] ?? usage('--slow takes a name'));
    else if (arg === '--list' || arg === '--check') found.mode = arg;
    else if (arg.startsWith('-'))
      usage(`${arg} is not an option; there are --slow NAME, --list, --check and names of pages`);
    else found.only.push(arg);
  }
  return found;
}

/** @param {string} text @returns {never} */
function usage(text) {
  say(`npm run test:docs: ${text}`);
  process.exit(2);
}
