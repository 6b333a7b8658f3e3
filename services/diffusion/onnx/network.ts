import { ModelError } from '../model-error.ts';
import type { InferenceSession } from './runtime.ts';

export type TensorMetadata = InferenceSession.TensorValueMetadata;

/** One network of a model, loaded. */
export type Network = {
  /** Within the model's folder, for messages. */
  readonly file: string;
  readonly session: Session;
};

/** As much of the runtime's session as the engine uses. */
export type Session = Pick<
  InferenceSession,
  'inputMetadata' | 'outputMetadata' | 'run' | 'release'
>;

/**
 * The network's inputs by name.
 *
 * @throws ModelError where the network lacks one of `names`, or asks for more
 */
export function inputsByName<Name extends string>(
  { file, session }: Network,
  names: readonly Name[],
): Record<Name, TensorMetadata> {
  const found = new Map(session.inputMetadata.map((input) => [input.name, input]));
  const unknown = [...found.keys()].filter((name) => !names.some((known) => known === name));
  const missing = names.filter((name) => found.get(name)?.isTensor !== true);
  if (unknown.length > 0 || missing.length > 0) {
    throw new ModelError(
      `${file} is not the network that belongs there`,
      `its inputs are ${[...found.keys()].join(', ')}, where ${names.join(', ')} are expected`,
      'Put the right network there, or export the model again as the pipeline that model_index.json names',
    );
  }
  return Object.fromEntries(found) as Record<Name, TensorMetadata>;
}

/** @throws ModelError where the network has no output of that name */
export function outputNamed(network: Network, name: string): TensorMetadata {
  const outputs = tensorOutputs(network);
  const output = outputs.find((candidate) => candidate.name === name);
  if (output !== undefined) return output;
  throw new ModelError(
    `${network.file} is not the network that belongs there`,
    `it gives no ${name}, only ${outputs.map((given) => given.name).join(', ') || 'nothing'}`,
    'Put the right network there, or export the model again as the pipeline that model_index.json names',
  );
}

/** The output of that name, or the first where the exporter chose another. */
export function mainOutput(network: Network, name: string): TensorMetadata {
  const outputs = tensorOutputs(network);
  return outputs.find((o) => o.name === name) ?? outputs[0] ?? outputNamed(network, name);
}

/** The size of one axis; undefined where it is left open, or the exporter wrote no shape. */
export function axisOf({ shape }: TensorMetadata, axis: number): number | undefined {
  const size = shape.at(axis);
  return typeof size === 'number' && size > 0 ? size : undefined;
}

const tensorOutputs = ({ session }: Network) =>
  session.outputMetadata.filter((output): output is TensorMetadata => output.isTensor);
