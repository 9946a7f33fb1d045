import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const pages = [...readdirSync('.').filter(file => file.endsWith('.md')), ...pagesUnder('docs')];

function pagesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.md'))
    .map(file => join(folder, file));
}

test('every relative link of README and docs leads to a file, and to a heading where it names one', () => {
  assert.ok(pages.length > 20);
  assert.deepEqual(
    pages.flatMap(page => brokenIn(page, readFileSync(page, 'utf8'))),
    [],
  );
});

test('a link to a page or a heading that is not there is found', () => {
  const text = '[a](gone.md) [b](guarantees.md#gone) [c](#no-such) [d](guarantees.md#promises)\n\n# Such';
  assert.deepEqual(brokenIn('docs/x.md', text), [
    'docs/x.md: gone.md',
    'docs/x.md: guarantees.md#gone',
    'docs/x.md: #no-such',
  ]);
});

function brokenIn(page: string, text: string): string[] {
  const links = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links
    .filter(link => !/^[a-z]+:/.test(link))
    .filter(link => !leadsSomewhere(page, { link, text }))
    .map(link => `${page}: ${link}`);
}

function leadsSomewhere(page: string, { link, text }: { link: string; text: string }): boolean {
  const [path = '', anchor] = link.split('#');
  const file = path === '' ? page : join(dirname(page), path);
  if (path !== '' && !existsSync(file)) return false;
  if (anchor === undefined) return true;
  if (path !== '' && statSync(file).isDirectory()) return false;
  return anchorsOf(path === '' ? text : readFileSync(file, 'utf8')).includes(anchor);
}

/** Headings as forges spell them in addresses; a second one of the same name gets -1. */
function anchorsOf(text: string): string[] {
  const seen = new Map<string, number>();
  return [...withoutCode(text).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return times === 0 ? slug : `${slug}-${times}`;
  });
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '');
}
