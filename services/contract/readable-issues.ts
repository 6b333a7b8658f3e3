import { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** An object of an API: a field it does not have is refused with the names of those it has. */
export const inputObject = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: ({ code }) =>
      code === 'unrecognized_keys'
        ? `unknown field; the fields are ${Object.keys(shape).join(', ')}`
        : undefined,
  });

/** What is wrong with an input, in one line for people: each problem with its field. */
export const readableIssues = (error: z.core.$ZodError): string =>
  error.issues.filter(isOwnBound).map(readableIssue).join('; ');

/**
 * A number beyond the safe integers breaks two bounds where the field has one of its own; the
 * field's own is the one to know.
 */
function isOwnBound(issue: Issue, _: number, all: readonly Issue[]): boolean {
  if (!('origin' in issue) || issue.origin !== 'int') return true;
  const field = z.core.toDotPath(issue.path);
  return !all.some((other) => other !== issue && z.core.toDotPath(other.path) === field);
}

function readableIssue(issue: Issue): string {
  if (issue.code === 'unrecognized_keys') {
    // A body of a megabyte may have very many of them.
    const keys = issue.keys.slice(0, 5).map((key) => JSON.stringify(key.slice(0, 60)));
    return `${keys.join(', ')}: ${issue.message}`;
  }
  const field = z.core.toDotPath(issue.path);
  return `${field === '' ? 'the input' : field}: ${problemOf(issue)}`;
}

function problemOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue);
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      if (issue.origin === 'string' && issue.minimum === 1) return 'must not be empty';
      return `must be ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${unitOf(issue.origin)}`;
    case 'too_big':
      return `must be ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${unitOf(issue.origin)}`;
    case 'invalid_format':
      return FORMATS[issue.format] ?? issue.message;
    default:
      return issue.message;
  }
}

function wrongType(issue: z.core.$ZodIssueInvalidType): string {
  const received = /received (\w+)$/.exec(issue.message)?.[1];
  if (received === 'undefined') return 'is missing';
  if (issue.expected === 'int') return 'must be a whole number';
  // JSON writes NaN and infinities as null.
  const article = /^[aeiou]/.test(issue.expected) ? 'an' : 'a';
  return `must be ${article} ${issue.expected}${received === undefined ? '' : `, not ${received}`}`;
}

const unitOf = (origin: string): string => (origin === 'string' ? ' characters long' : '');

const FORMATS: Readonly<Record<string, string>> = {
  uuid: 'must be a UUID',
  datetime: 'must be a time such as 2030-01-31T12:00:00Z',
};
