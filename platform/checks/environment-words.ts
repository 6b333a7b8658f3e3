import type { Finding } from './finding.ts';

/** What only an environment may say: its name, its hosts, its registry. */
const words = [
  // Not the registry in which Kubernetes' projects publish their candidates.
  /(?<!\bk8s-)\bstaging\b/i,
  /\bproduction\b/i,
  // Not the field `kind:`, which every object has.
  /\b(in|on|for|a) kind\b(?!:)/i,
  /\bkind-/i,
  /\blocalhost\b/i,
  /\bexample\.(com|org|net)\b/i,
  // Not the region that S3 means where none is said.
  /\b(?!us-east-1)[a-z]{2}-(north|south|east|west|central)[a-z]*-\d\b/i,
];

/**
 * A manifest of apps/, infrastructure/ or models/ that knows an environment could not be carried to
 * another one.
 *
 * @param file its path, for the message
 */
export function checkEnvironmentWords(file: string, text: string): Finding[] {
  return text.split('\n').flatMap((line, index) => {
    const word = words.map((each) => line.match(each)?.[0]).find((found) => found !== undefined);
    return word === undefined
      ? []
      : [
          {
            object: file,
            field: `line ${index + 1}`,
            problem: `says "${word}", which only an environment may`,
            remedy: 'bind it in platform/environments, or say it without',
          },
        ];
  });
}
