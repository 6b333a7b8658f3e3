export type Align = 'left' | 'right';

/**
 * Lines with their columns aligned, two spaces apart.
 * @param align of each column; those beyond its end are to the left
 */
export function table(
  rows: readonly (readonly string[])[],
  align: readonly Align[] = [],
): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  const aligned = (cell: string, column: number) => {
    const width = widths[column] ?? 0;
    return align[column] === 'right' ? cell.padStart(width) : cell.padEnd(width);
  };
  return rows.map((row) => row.map(aligned).join('  ').trimEnd());
}
