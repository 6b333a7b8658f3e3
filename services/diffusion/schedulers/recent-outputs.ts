/** The last outputs of a multistep solver; arrays are used again, not made anew at each call. */
export type RecentOutputs = {
  readonly count: number;
  /** Room for the output of this call, which thereby is the newest. */
  push(length: number): Float32Array;
  /** The newest is 0. */
  at(age: number): Float32Array;
  /** Copies, newest first. */
  copies(): Float32Array[];
  restore(outputs: readonly Float32Array[]): void;
};

/** @param limit how many are kept; older ones are forgotten */
export function createRecentOutputs(limit: number): RecentOutputs {
  let outputs: Float32Array[] = [];
  return {
    get count() {
      return outputs.length;
    },
    push(length) {
      const room = (outputs.length === limit && outputs.pop()) || new Float32Array(length);
      outputs.unshift(room);
      return room;
    },
    at(age) {
      const output = outputs[age];
      if (output === undefined) throw new Error(`no output of ${age} calls ago is kept`);
      return output;
    },
    copies: () => outputs.map((output) => output.slice()),
    restore(copies) {
      outputs = copies.slice(0, limit).map((output) => output.slice());
    },
  };
}
