const clauses = /\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g;
const strings = /"(\\.|[^"\\])*"|'(\\.|[^'\\])*'|`[^`]*`/g;
const keywords = new Set(
  'and or unless bool offset start end inf nan by without on ignoring group_left group_right'.split(
    ' ',
  ),
);

/** The metrics that a PromQL expression reads, each once. */
export function metricNames(expression: string): string[] {
  const bare = expression
    .replace(/#.*$/gm, ' ')
    .replace(strings, ' ')
    .replace(clauses, ' ')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, ' ');
  // What follows a digit is the unit of a duration; what a bracket follows is a function.
  const names = bare.matchAll(/(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g);
  return [...new Set([...names].map(([name]) => name))].filter(
    (name) => !keywords.has(name.toLowerCase()),
  );
}

/** The jobs that an expression names in a matcher of `job`, alternatives apart. */
export const jobNames = (expression: string): string[] =>
  [...expression.matchAll(/\bjob=~?"([^"]*)"/g)].flatMap(([, jobs = '']) => jobs.split('|'));
