/**
 * Named places where the fault suite may hurt the process. Unarmed, as it is outside of that suite, a place costs a look
 * into an empty map.
 */
export const FAIL_POINTS = [
  'taken',
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

const armed = new Map<FailPoint, () => void>();
const passed = new Map<FailPoint, number>();

/** Tells the places what to do: `sent=kill@7` ends the process with SIGKILL when it comes by the seventh time. */
export function armFailPoints(spec: string): void {
  for (const one of spec.split(',')) {
    const [, name, action, at] = /^([a-z-]+)=(kill|stop)@(\d+)$/.exec(one.trim()) ?? [];
    const point = FAIL_POINTS.find(each => each === name);
    if (!point) throw new Error(`fail point "${one}": give name=kill@n or name=stop@n, name one of ${FAIL_POINTS.join(', ')}`);
    const signal = action === 'kill' ? 'SIGKILL' : 'SIGSTOP';
    armed.set(point, () => {
      const times = (passed.get(point) ?? 0) + 1;
      passed.set(point, times);
      if (times === Number(at)) process.kill(process.pid, signal);
    });
  }
}

export function failPoint(name: FailPoint): void {
  armed.get(name)?.();
}
