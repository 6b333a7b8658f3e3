/** Numbers of the fields of onnx.proto3 that are read here. */
export const model = { graph: 7 } as const;
export const graph = { node: 1, initializer: 5, input: 11, output: 12, valueInfo: 13 } as const;
export const node = { attribute: 5 } as const;
export const attribute = { name: 1, i: 3, t: 5, g: 6, tensors: 10, graphs: 11 } as const;
export const tensor = {
  dims: 1,
  dataType: 2,
  floatData: 4,
  int32Data: 5,
  rawData: 9,
  externalData: 13,
  dataLocation: 14,
} as const;
export const stringPair = { key: 1, value: 2 } as const;
export const valueInfo = { type: 2 } as const;
export const type = { tensorType: 1 } as const;
export const tensorType = { elemType: 1 } as const;

/** Of TensorProto.DataType. */
export const dataType = { float: 1, float16: 10 } as const;
