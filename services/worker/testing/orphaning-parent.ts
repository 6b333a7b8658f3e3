// A parent that starts inference, tells its child's pid and then computes until it is killed.
import { pinholeRequest, startPinhole } from './pinhole-inference.ts';

const inference = await startPinhole();
let told = false;
const onStep = () => {
  if (!told) console.log(inference.pid());
  told = true;
};
for (;;) await inference.generate({ ...pinholeRequest, steps: 1_000 }, { onStep });
