// Compiles the published client into dist/: one JavaScript file, and one of types in which the
// server's router is written out, so that neither needs a private package. `npm pack` runs it.
import { join } from 'node:path';
import { build } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';
import { printRouter } from './print-router.ts';

const room = join(import.meta.dirname, '..');
const tsconfig = join(room, '../../tsconfig.json');
const router = { id: 'server-router.d.ts', text: printRouter(join(room, 'types.ts'), tsconfig) };

/** `…; /** comment *\/` at the end of a line, and the indentation of the line after. */
const STRAY_COMMENT = /([;{]) *(\/\*\*(?:[^*]|\*(?!\/))*\*\/)\n( *)/g;

/** `/** comment *\/` with something right behind it. */
const CLINGING_COMMENT = /^( *)\/\*\* .*? \*\/(?=\w)/gm;

await build({
  cwd: room,
  input: 'index.ts',
  platform: 'neutral',
  external: [/^@trpc\//, 'eventsource'],
  plugins: [
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
  ],
  output: { dir: 'dist', cleanDir: true },
});
