import { readFileSync, writeFileSync } from 'node:fs';

/** Returns the text between the two comments that name a part of a page; throws if there is no such part. */
export function partOf(page: string, name: string): string {
  const [, , part] = find(page, name);
  return part;
}

/** Replaces a part of a page, and leaves the rest as it is. */
export function replacePart(file: string, name: string, text: string): void {
  const page = readFileSync(file, 'utf8');
  const [whole, begin] = find(page, name);
  writeFileSync(
    file,
    page.replace(whole, () => `${begin}\n\n${text.trim()}\n\n<!-- end of ${name} -->`),
  );
}

function find(page: string, name: string): [whole: string, begin: string, part: string] {
  const found = new RegExp(`(<!-- ${name}: .*? -->)\\n([\\s\\S]*?)<!-- end of ${name} -->`).exec(page);
  if (!found) throw new Error(`the page has no part between <!-- ${name}: ... --> and <!-- end of ${name} -->`);
  const [whole, begin = '', part = ''] = found;
  return [whole, begin, part.trim()];
}
