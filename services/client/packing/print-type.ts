import ts from 'typescript';

/** Where a type is printed: the checker that knows it, and the names of types printed before. */
export type Printer = {
  checker: ts.TypeChecker;
  /** By their text, so that what is printed once is named everywhere else. */
  names: Map<string, string>;
};

/**
 * A type as TypeScript writes it, with every alias of other packages resolved and the comments of
 * its properties kept. Knows what crosses the wire: plain data.
 *
 * @throws Error for any other type, a function or a class, say
 */
export function printType(type: ts.Type, printer: Printer): string {
  const text = printPlain(type, printer);
  return printer.names.get(text) ?? text;
}

function printPlain(type: ts.Type, printer: Printer): string {
  const { checker } = printer;
  if (type.isUnion()) return printUnion(type, printer);
  if (checker.isArrayType(type)) {
    const [element] = checker.getTypeArguments(type as ts.TypeReference);
    return `Array<${element === undefined ? 'unknown' : printType(element, printer)}>`;
  }
  const { Object: Interface, Intersection, Any, TypeParameter } = ts.TypeFlags;
  const isData =
    (type.flags & (Interface | Intersection)) !== 0 &&
    type.getCallSignatures().length === 0 &&
    !type.isClass();
  if (isData) return printObject(type, printer);
  if (type.flags & (Interface | Intersection | Any | TypeParameter)) {
    throw new Error(`${checker.typeToString(type)} is not plain data; a client cannot receive it`);
  }
  return checker.typeToString(type);
}

/** TypeScript keeps `undefined`, `null` and the two booleans first; people write them otherwise. */
function printUnion({ types }: ts.UnionType, printer: Printer): string {
  const members = new Set(types.map((member) => printType(member, printer)));
  if (members.delete('true') && members.delete('false')) members.add('boolean');
  for (const empty of ['null', 'undefined']) if (members.delete(empty)) members.add(empty);
  return [...members].join(' | ');
}

function printObject(type: ts.Type, printer: Printer): string {
  const { checker } = printer;
  const properties = type.getProperties().map((property) => {
    const comment = ts.displayPartsToString(property.getDocumentationComment(checker));
    const optional = (property.flags & ts.SymbolFlags.Optional) !== 0;
    const text = printType(checker.getTypeOfSymbol(property), printer);
    const doc = comment === '' ? '' : `/** ${comment.replaceAll('\n', ' ')} */\n`;
    return `${doc}${property.name}${optional ? '?' : ''}: ${text};\n`;
  });
  return `{\n${properties.join('')}}`;
}
