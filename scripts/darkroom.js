#!/usr/bin/env node
// The `darkroom` command: hands the command line to scripts/cli.ts on the pinned Node.
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
process.argv.splice(1, 1, here('run.js'), here('cli.ts'));
await import('./run.js');
