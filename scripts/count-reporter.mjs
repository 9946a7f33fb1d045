// A reporter for `node --test`, used beside the one that people read: writes the counts of the whole run as one line of
// JSON.

/**
 * Matches `pass 12`. The last line of each kind is the count of the whole run; a test's own diagnostics come before it.
 */
const COUNT = /^(pass|fail|cancelled|skipped|todo) (\d+)$/;

/** @param {AsyncIterable<{ type: string, data: { message?: string } }>} events */
// biome-ignore lint/style/noDefaultExport: Node takes a reporter as a default export
export default async function* counts(events) {
  const counted = {};
  for await (const { type, data } of events) {
    const [, kind, count] = (type === 'test:diagnostic' && COUNT.exec(data.message)) || [];
    if (kind) counted[kind] = Number(count);
  }
  const { pass = 0, fail = 0, cancelled = 0, skipped = 0, todo = 0 } = counted;
  yield `${JSON.stringify({ passed: pass, failed: fail + cancelled, skipped: skipped + todo })}\n`;
}
