// Loaded first (`--import=…/preload.ts?plant=NAME`) by each service of a run with a plant: changes
// the source of modules when they are loaded, and ends the process where that cannot be done.
import { registerHooks } from 'node:module';
import { plants } from './index.ts';
import { said, withPlant } from './plant.ts';

const name = new URL(import.meta.url).searchParams.get('plant');
const plant = plants.find((each) => each.name === name);
if (plant === undefined) throw new Error(`there is no plant ${name}`);
const root = new URL('../../../', import.meta.url).href;
const modules = new Set(plant.changes.map(({ module }) => module));

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const module = url.startsWith(root) ? url.slice(root.length) : undefined;
    if (module === undefined || !modules.has(module)) return loaded;
    if (loaded.source === undefined || loaded.source === null) {
      throw new Error(`the source of ${module} is not given to the hook`);
    }
    const source =
      typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
    const planted = withPlant(source, module, plant);
    console.error(said(plant.name, module));
    return { ...loaded, source: planted };
  },
});
