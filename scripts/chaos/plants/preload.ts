// Loaded first (`--import=…/preload.ts?plant=NAME`) by each service of a run with a plant: changes
// the source of one module when it is loaded, and ends the process where that cannot be done.
import { registerHooks } from 'node:module';
import { plants } from './index.ts';
import { withPlant } from './plant.ts';

const name = new URL(import.meta.url).searchParams.get('plant');
const plant = plants.find((each) => each.name === name);
if (plant === undefined) throw new Error(`there is no plant ${name}`);
const module = new URL(`../../../${plant.module}`, import.meta.url).href;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== module) return loaded;
    if (loaded.source === undefined || loaded.source === null) {
      throw new Error(`the source of ${plant.module} is not given to the hook`);
    }
    const source =
      typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
    const planted = withPlant(source, plant);
    console.error(`planted: ${plant.name}`);
    return { ...loaded, source: planted };
  },
});
