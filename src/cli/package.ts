import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** siftline's version, from the package's own package.json. */
export function packageVersion(): string {
  const file = fileURLToPath(new URL('../../package.json', import.meta.url));
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
