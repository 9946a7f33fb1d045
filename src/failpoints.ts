/**
 * Named places where the fault suite may hurt the process. Unarmed, as it is outside of that suite, a place costs a look
 * into an empty map.
 */
export const FAIL_POINTS = [
  'taken',
  'inferring',
  'classified',
  'publishing',
  'transaction-begun',
  'half-sent',
  'sent',
  'offsets-sent',
  'committed',
  'published',
  'settling',
] as const;
export type FailPoint = (typeof FAIL_POINTS)[number];

const armed = new Map<FailPoint, (key: Buffer | null | undefined) => void>();

/**
 * Tells the places what to do: `sent=kill@7` ends the process with SIGKILL when it comes by the seventh time,
 * `inferring=abort#key` aborts it whenever the record with this key comes by.
 */
export function armFailPoints(spec: string): void {
  for (const one of spec.split(',')) {
    const [, name, action = '', sign, value = ''] = /^([a-z-]+)=(kill|stop|abort)([@#])(.+)$/.exec(one.trim()) ?? [];
    const point = FAIL_POINTS.find(each => each === name);
    if (!point) throw new Error(`FAILPOINTS: "${one}" is not name=kill@n; the names are ${FAIL_POINTS.join(', ')}`);
    const act = ACTIONS[action] as () => void;
    let passed = 0;
    armed.set(point, key => {
      passed += 1;
      if (sign === '@' ? passed === Number(value) : key?.toString() === value) act();
    });
  }
}

const ACTIONS: Readonly<Record<string, () => void>> = {
  kill: () => process.kill(process.pid, 'SIGKILL'),
  stop: () => process.kill(process.pid, 'SIGSTOP'),
  abort: () => process.abort(),
};

/** `key` is of the record that comes by, where it is one. */
export function failPoint(name: FailPoint, key?: Buffer | null): void {
  armed.get(name)?.(key);
}
