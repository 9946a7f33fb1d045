/** 12,345 */
export function count(n: number): string {
  return Math.round(n).toLocaleString('en-US');
}

/** 12.3, and 1,234 where a tenth no longer matters. */
export function rate(n: number): string {
  return n < 100 ? n.toFixed(1) : count(n);
}

/** 38 ms, 1.2 s */
export function duration(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** On one line and without control characters, whatever the text holds. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
}

/** No wider than `width`: what is left out shows as three dots. */
export function shorten(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text;
  return width < 3 ? characters.slice(0, Math.max(0, width)).join('') : `${characters.slice(0, width - 3).join('')}...`;
}
