import { dirname } from 'node:path';
import ts from 'typescript';
import { type Printer, printType } from './print-type.ts';

/** The procedures' types by kind, as `@trpc/server` names them. */
const procedureTypes: Readonly<Record<string, string>> = {
  query: 'TRPCQueryProcedure',
  mutation: 'TRPCMutationProcedure',
  subscription: 'TRPCSubscriptionProcedure',
};

/** Data that gets a name, because several procedures share it. */
const named = [
  { of: 'generations.create._def.$types.input', name: 'CreateInput' },
  { of: 'generations.get._def.$types.output', name: 'GetOutput' },
] as const;

/**
 * The module that takes the place of the server's router in the published types: the same
 * procedures with the same data, without anything that the server is made of.
 *
 * @param file a TypeScript file that exports the type `AppRouter`
 */
export function printRouter(file: string, tsconfig: string): string {
  const { checker, router } = openRouter(file, tsconfig);
  const printer: Printer = { checker, names: new Map() };
  const record = propertyOf(router, '_def.record', checker);

  const declarations = named.map(({ of, name }) => {
    const text = printType(propertyOf(record, of, checker), printer);
    printer.names.set(text, name);
    return `type ${name} = ${text};`;
  });
  const errorShape = propertyOf(router, '_def._config.$types.errorShape', checker);
  return [
    `import type { TRPCBuiltRouter, ${Object.values(procedureTypes).join(', ')} } from '@trpc/server';`,
    ...declarations,
    `type ErrorShape = ${printType(errorShape, printer)};`,
    'type Root = { ctx: object; meta: object; errorShape: ErrorShape; transformer: false };',
    `export type AppRouter = TRPCBuiltRouter<Root, ${printRecord(record, printer)}>;`,
  ].join('\n');
}

function printRecord(record: ts.Type, printer: Printer): string {
  const entries = record.getProperties().map((property) => {
    const type = printer.checker.getTypeOfSymbol(property);
    const text =
      type.getProperty('_def') === undefined
        ? printRecord(type, printer)
        : printProcedure(type, printer);
    return `${property.name}: ${text};\n`;
  });
  return `{\n${entries.join('')}}`;
}

function printProcedure(procedure: ts.Type, printer: Printer): string {
  const { checker } = printer;
  const kind = propertyOf(procedure, '_def.type', checker);
  const type = kind.isStringLiteral() ? procedureTypes[kind.value] : undefined;
  if (type === undefined) throw new Error(`unknown procedure ${checker.typeToString(kind)}`);
  const input = printType(propertyOf(procedure, '_def.$types.input', checker), printer);
  const output = printOutput(propertyOf(procedure, '_def.$types.output', checker), printer);
  return `${type}<{ input: ${input}; output: ${output}; meta: object; errorShape: ErrorShape }>`;
}

/** A subscription's output is a stream of events. */
function printOutput(output: ts.Type, printer: Printer): string {
  if (output.symbol?.name !== 'AsyncIterable') return printType(output, printer);
  const [event] = printer.checker.getTypeArguments(output as ts.TypeReference);
  if (event === undefined) throw new Error('a stream of nothing');
  return `AsyncIterable<${printType(event, printer)}, void, unknown>`;
}

function openRouter(file: string, tsconfig: string): { checker: ts.TypeChecker; router: ts.Type } {
  const { config } = ts.readConfigFile(tsconfig, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, dirname(tsconfig));
  const program = ts.createProgram([file], options);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  const symbol = module && checker.tryGetMemberInModuleExports('AppRouter', module);
  if (symbol === undefined) throw new Error(`${file} exports no AppRouter`);
  return { checker, router: checker.getDeclaredTypeOfSymbol(checker.getAliasedSymbol(symbol)) };
}

/** @param path names joined by dots */
function propertyOf(type: ts.Type, path: string, checker: ts.TypeChecker): ts.Type {
  return path.split('.').reduce((present, name) => {
    const property = present.getProperty(name);
    if (property === undefined) throw new Error(`${checker.typeToString(present)} has no ${name}`);
    return checker.getTypeOfSymbol(property);
  }, type);
}
