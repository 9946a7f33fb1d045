import stringWidth from 'string-width';

export interface TableOptions {
  /** Columns whose cells stand to the right, as numbers do: their indices from 0, or all but the first. */
  readonly right?: readonly number[] | 'all but the first';
}

const GAP = '  ';

/**
 * Lines of a table for a terminal, without spaces at their ends. Each column is as wide as its widest cell is on the
 * terminal: a Chinese character takes two columns, a colour none. A row may have fewer cells than others.
 */
export function table(rows: readonly (readonly string[])[], { right = [] }: TableOptions = {}): string[] {
  const isRight = (column: number) => (right === 'all but the first' ? column > 0 : right.includes(column));
  const widths = widthsOf(rows);
  return rows.map(row =>
    row
      .map((cell, column) => (isRight(column) ? padStart : padEnd)(cell, widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
    });
  }
  return widths;
}

/** Columns that the text takes on a terminal. */
export function displayWidth(text: string): number {
  return stringWidth(text);
}

/** `text.padEnd` by the columns that the text takes on a terminal. */
export function padEnd(text: string, width: number): string {
  return text + spaces(width - displayWidth(text));
}

/** `text.padStart` by the columns that the text takes on a terminal. */
export function padStart(text: string, width: number): string {
  return spaces(width - displayWidth(text)) + text;
}

function spaces(count: number): string {
  return ' '.repeat(Math.max(0, count));
}

/** `table`, for those that import it when they print. */
export type TablePrinter = typeof table;
