// Compiles the published client into dist/: one JavaScript file, and one of types that needs no
// private package. `npm pack` runs it.
import { build } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';

await build({
  cwd: import.meta.dirname,
  input: 'index.ts',
  platform: 'neutral',
  external: [/^@trpc\//, 'eventsource'],
  plugins: [
    dts({
      tsconfig: '../../tsconfig.json',
      compilerOptions: { paths: { '@darkroom/*': ['./services/*/index.ts'] } },
    }),
  ],
  output: { dir: 'dist', cleanDir: true },
});
