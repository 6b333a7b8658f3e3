// Compiles the published client into dist/: one JavaScript file and one file of types in which the
// server's router is written out, so that neither needs a private package; each as an ES module and as
// a CommonJS module. `npm pack` runs it.
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type InputOptions, type RolldownPluginOption } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';
import { printRouter } from './print-router.ts';

const room = join(import.meta.dirname, '..');
const tsconfig = join(room, '../../tsconfig.json');
const router = { id: 'server-router.d.ts', text: printRouter(join(room, 'types.ts'), tsconfig) };

/** `…; /** comment *\/` at the end of a line, and the indentation of the line after. */
const STRAY_COMMENT = /([;{]) *(\/\*\*(?:[^*]|\*(?!\/))*\*\/)\n( *)/g;

/** `/** comment *\/` with something right behind it. */
const CLINGING_COMMENT = /^( *)\/\*\* .*? \*\/(?=\w)/gm;

const plugins: RolldownPluginOption[] = [
  {
    name: 'server-router',
    resolveId: {
      order: 'pre',
      handler: (id) => (id === '@darkroom/frontend' ? router.id : null),
    },
    load: { order: 'pre', handler: (id) => (id === router.id ? router.text : null) },
  },
  dts({ tsconfig, oxc: true }),
  {
    name: 'comments-on-their-own-lines',
    // The bundler leaves a comment behind the line before, where editors do not look for it.
    renderChunk: {
      order: 'post',
      handler: (code, { fileName }) =>
        fileName.endsWith('.d.ts')
          ? code.replace(STRAY_COMMENT, '$1\n$3$2\n$3').replace(CLINGING_COMMENT, '$&\n$1')
          : null,
    },
  },
];
const input: InputOptions = {
  cwd: room,
  input: 'index.ts',
  platform: 'neutral',
  external: [/^@trpc\//, 'eventsource'],
};
const dist = join(room, 'dist');

await build({ ...input, plugins, output: { dir: dist, cleanDir: true } });
await build({ ...input, output: { file: join(dist, 'index.cjs'), format: 'cjs' } });
// The types name nothing that differs between the two kinds of module.
await copyFile(join(dist, 'index.d.ts'), join(dist, 'index.d.cts'));
