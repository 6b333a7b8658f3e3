// Reads every file git knows or would add, and prints what breaks a rule of text-rules.ts.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { findIn, textRules } from './text-rules.ts';

const listed = execFileSync(
  'git',
  ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
  {
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  },
);
const files = listed.split('\0').filter((file) => file !== '' && existsSync(file));
const findings = files
  .filter((file) => textRules.some((rule) => rule.files.test(file)))
  .flatMap((file) => findIn(file, readFileSync(file, 'utf8')));

for (const [rule, broken] of Map.groupBy(findings, (finding) => finding.rule)) {
  console.log(`${rule}: ${broken[0]?.reason}`);
  for (const { file, line, excerpt } of broken) console.log(`  ${file}:${line}: ${excerpt}`);
}
if (findings.length > 0) process.exitCode = 1;
