import { table } from '@darkroom/testing';

/** One measured figure; with a bar, whether it is met. */
export type Figure = {
  what: string;
  value: number;
  unit: '%' | 'ms' | '×' | 's' | '/s' | 'GiB' | '';
  /** What the project promises; absent for figures that are only told. */
  bar?: { at: 'least' | 'most'; value: number };
};

export type Report = {
  benchmark: string;
  /** What was run: counts, seed, versions; enough to run it again. */
  setting: Record<string, string | number>;
  figures: Figure[];
};

export const meets = ({ value, bar }: Figure): boolean =>
  bar === undefined || (bar.at === 'least' ? value >= bar.value : value <= bar.value);

const digits: Partial<Record<Figure['unit'], number>> = { '×': 3, GiB: 2, '': 0 };

const format = (value: number, unit: Figure['unit']) =>
  `${value.toFixed(digits[unit] ?? 1)}${unit === '' ? '' : ` ${unit}`}`;

/** The report as lines of text, figures aligned. */
export function renderReport({ benchmark, setting, figures }: Report): string {
  const rows = figures.map((figure) => {
    const { bar, unit } = figure;
    const promise = bar && `${bar.at === 'least' ? '≥' : '≤'} ${format(bar.value, unit)}`;
    return [
      figure.what,
      format(figure.value, unit),
      promise ?? '',
      bar === undefined ? '' : meets(figure) ? 'met' : 'MISSED',
    ];
  });
  const lines = table([['', 'measured', 'bar', ''], ...rows], ['left', 'right', 'right']);
  const told = Object.entries(setting).map(([name, value]) => `${name} ${value}`);
  return [`${benchmark}: ${told.join(', ')}`, '', ...lines].join('\n');
}

/** The value below which the share `p` (0 to 1) of the values lies, nearest rank. */
export function percentile(values: readonly number[], p: number): number {
  if (values.length === 0) throw new Error('percentile: no values were measured');
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);
