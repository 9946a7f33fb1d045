import stringWidth from 'string-width';

export interface TableOptions {
  /** Columns that are aligned right, as numbers are: their indexes from 0, or all but the first. */
  readonly right?: readonly number[] | 'all but the first';
}

/** The type of `table`, for a file that imports it only when it prints. */
export type DrawTable = typeof table;

const GAP = '  ';

/**
 * Returns the lines of a table for a terminal, without spaces at their ends. Each column is as wide as its widest cell
 * on the terminal: a Chinese character takes two columns, a colour code none. Rows may have fewer cells than others.
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

/** Returns the number of columns that the text takes on a terminal. */
export function displayWidth(text: string): number {
  return stringWidth(text);
}

/** Pads like `text.padEnd`, by the columns that the text takes on a terminal. */
export function padEnd(text: string, width: number): string {
  return text + spaces(width - displayWidth(text));
}

/** Pads like `text.padStart`, by the columns that the text takes on a terminal. */
export function padStart(text: string, width: number): string {
  return spaces(width - displayWidth(text)) + text;
}

function spaces(count: number): string {
  return ' '.repeat(Math.max(0, count));
}
