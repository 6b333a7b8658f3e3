import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const rooms = [
  ...['contract', 'timing', 'diffusion', 'messaging', 'storage', 'generations'],
  ...['lifecycle', 'kubernetes', 'hub', 'deletion-cost', 'gpu-simulator', 'live-update', 'drift'],
  ...['frontend', 'worker', 'client', 'embedded', 'uploads'],
];
const packages = [
  ...['zod', 'amqplib', '@aws-sdk/client-s3', 'pg', 'onnxruntime-node', 'fastify'],
  ...['@grpc/grpc-js', '@kubernetes/client-node', 'sharp'],
];

/** What the house allows: file and its imports. */
const allowed: Record<string, string> = {
  'services/contract/words.ts': "import 'zod'; import './index.ts';",
  'services/diffusion/run.ts': "import 'onnxruntime-node';",
  'services/messaging/broker.ts':
    "import '@darkroom/contract'; import '@darkroom/timing'; import 'amqplib';",
  'services/storage/s3.ts': "import '@darkroom/contract'; import '@aws-sdk/client-s3';",
  'services/uploads/read.ts': "import '@darkroom/contract'; import 'sharp';",
  'services/generations/postgres.ts': "import '@darkroom/contract'; import 'pg';",
  'services/frontend/main.ts': "import '@darkroom/messaging'; import 'fastify';",
  'services/worker/main.ts': "import '@darkroom/diffusion'; import '@darkroom/storage';",
  'services/client/types.ts': "import type { frontendType } from '@darkroom/frontend';",
  'services/embedded/start.ts': "import '@darkroom/frontend'; import '@darkroom/worker';",
  'services/gpu-simulator/plugin.ts':
    "import '@darkroom/lifecycle'; import '@grpc/grpc-js'; import '@kubernetes/client-node';",
  'services/messaging/broker.test.ts': "import 'vitest'; import '@darkroom/storage';",
};

/** What it forbids: the rule, the room and the import that breaks it there. */
const forbidden: [rule: string, room: string, line: string][] = [
  ['contract-imports-zod-alone', 'contract', "import 'fastify';"],
  ['contract-imports-zod-alone', 'contract', "import '@darkroom/client';"],
  ['timing-stands-alone', 'timing', "import '@darkroom/contract';"],
  ['diffusion-stands-alone', 'diffusion', "import '@darkroom/contract';"],
  ['diffusion-stands-alone', 'diffusion', "import 'node:http';"],
  ['messaging-imports-no-other-library', 'messaging', "import '@darkroom/storage';"],
  ['storage-imports-no-other-library', 'storage', "import '@darkroom/lifecycle';"],
  ['generations-imports-no-other-library', 'generations', "import '@darkroom/lifecycle';"],
  ['lifecycle-imports-no-other-library', 'lifecycle', "import '@darkroom/storage';"],
  ['lifecycle-imports-no-other-library', 'lifecycle', "import type {} from '@darkroom/storage';"],
  ['frontend-without-worker', 'frontend', "import '@darkroom/worker';"],
  ['worker-without-frontend', 'worker', "await import('@darkroom/frontend');"],
  ['client-takes-types-alone', 'client', "import '@darkroom/frontend';"],
  ['nobody-imports-embedded', 'worker', "import '@darkroom/embedded';"],
  ['nobody-imports-scripts', 'worker', "import '../../scripts/cli.ts';"],
  ['only-messaging-knows-amqp', 'worker', "import 'amqplib';"],
  ['only-storage-knows-s3', 'frontend', "import '@aws-sdk/client-s3';"],
  ['uploads-imports-no-other-library', 'uploads', "import '@darkroom/storage';"],
  ['only-uploads-knows-libvips', 'worker', "import 'sharp';"],
  ['only-generations-knows-sql', 'frontend', "import type { Pool } from 'pg';"],
  ['only-diffusion-knows-onnxruntime', 'worker', "import 'onnxruntime-node';"],
  ['services-declare-their-packages', 'worker', "import 'vitest';"],
  ['rooms-by-package-name', 'worker', "import '../contract/index.ts';"],
  ['resolvable', 'worker', "import '@darkroom/contract/index.ts';"],
  ['no-cycles', 'worker', "import './intruder-24.ts';"],
  ['accept-knows-no-protocol', 'frontend/accept', "import 'fastify';"],
  ['gpu-simulator-stands-beside', 'gpu-simulator', "import '@darkroom/storage';"],
  ['nobody-imports-gpu-simulator', 'worker', "import '@darkroom/gpu-simulator';"],
  ['only-gpu-simulator-knows-grpc', 'worker', "import '@grpc/grpc-js';"],
  ['only-platform-rooms-know-kubernetes', 'frontend', "import '@kubernetes/client-node';"],
  ['only-platform-rooms-know-kubernetes', 'frontend', "import '@darkroom/kubernetes';"],
  ['kubernetes-imports-no-other-library', 'kubernetes', "import '@darkroom/lifecycle';"],
  ['hub-imports-no-other-library', 'hub', "import '@darkroom/worker';"],
  ['deletion-cost-stands-beside', 'deletion-cost', "import '@darkroom/generations';"],
  ['drift-stands-beside', 'drift', "import '@darkroom/storage';"],
  ['live-update-stands-alone', 'live-update', "import '@darkroom/timing';"],
];
const intruder = (room: string, index: number) => `services/${room}/intruder-${index}.ts`;

/** A scratch house with the real rules: every room with one export, every library one file. */
function buildHouse(): string {
  const house = mkdtempSync(join(tmpdir(), 'walls-'));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(house, path)), { recursive: true });
    writeFileSync(join(house, path), text);
  };
  for (const file of ['.dependency-cruiser.mjs', 'tsconfig.json']) {
    copyFileSync(join(repository, file), join(house, file));
  }
  write('package.json', '{ "type": "module", "devDependencies": { "vitest": "1" } }');
  write('scripts/cli.ts', '');
  mkdirSync(join(house, 'node_modules/@darkroom'), { recursive: true });
  for (const room of rooms) {
    const manifest = {
      name: `@darkroom/${room}`,
      type: 'module',
      exports: { '.': './index.ts' },
      dependencies: Object.fromEntries(packages.map((name) => [name, '1'])),
    };
    write(`services/${room}/package.json`, JSON.stringify(manifest));
    write(`services/${room}/index.ts`, `export type ${room}Type = 1;\n`);
    symlinkSync(`../../services/${room}`, join(house, `node_modules/@darkroom/${room}`));
  }
  for (const name of [...packages, 'vitest']) {
    write(`node_modules/${name}/package.json`, `{ "name": "${name}", "main": "index.js" }`);
    write(`node_modules/${name}/index.js`, '');
  }
  for (const [path, text] of Object.entries(allowed)) write(path, text);
  for (const [index, [, room, line]] of forbidden.entries()) write(intruder(room, index), line);
  return house;
}

type Violation = { rule: { name: string }; from: string };
let violations: Violation[];

beforeAll(async () => {
  const house = buildHouse();
  const depcruise = join(repository, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
  const run = promisify(execFile)(
    process.execPath,
    [depcruise, '--config', '.dependency-cruiser.mjs', '--output-type', 'json', 'services'],
    { cwd: house, maxBuffer: 64 * 2 ** 20 },
  );
  const { stdout } = await run.catch((error: { stdout: string }) => error);
  violations = JSON.parse(stdout).summary.violations;
  rmSync(house, { recursive: true });
});
const rulesBrokenBy = (file: string) =>
  violations.filter(({ from }) => from === file).map(({ rule }) => rule.name);

describe('the walls between rooms', () => {
  test.each(Object.entries(allowed))('stand aside for %s: %s', (file) => {
    expect(rulesBrokenBy(file)).toEqual([]);
  });

  test.each(forbidden.map((one, index) => [...one, index] as const))(
    '%s: refuses in %s %s',
    (rule, room, _line, index) => {
      expect(rulesBrokenBy(intruder(room, index))).toEqual([rule]);
    },
  );
});
