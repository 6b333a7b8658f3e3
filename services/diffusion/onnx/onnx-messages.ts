/** Numbers of the fields of onnx.proto3 that are read here. */
export const model = { graph: 7, opsetImport: 8 } as const;
export const opset = { domain: 1, version: 2 } as const;
export const graph = { node: 1, initializer: 5, input: 11, output: 12, valueInfo: 13 } as const;
export const node = { input: 1, output: 2, opType: 4, attribute: 5, domain: 7 } as const;
export const attribute = {
  name: 1,
  i: 3,
  t: 5,
  g: 6,
  ints: 8,
  tensors: 10,
  graphs: 11,
  type: 20,
} as const;
export const tensor = {
  dims: 1,
  dataType: 2,
  floatData: 4,
  int32Data: 5,
  int64Data: 7,
  name: 8,
  rawData: 9,
  externalData: 13,
  dataLocation: 14,
} as const;
export const stringPair = { key: 1, value: 2 } as const;
export const valueInfo = { type: 2 } as const;
export const type = { tensorType: 1 } as const;
export const tensorType = { elemType: 1 } as const;

/** Of TensorProto.DataType. */
export const dataType = { float: 1, int64: 7, float16: 10 } as const;
