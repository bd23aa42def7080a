import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Failure } from "../errors.ts";

/** @throws Failure `invalid_parameter` for a body that cannot be decoded */
export function read<Schema extends DescMessage>(schema: Schema, body: Uint8Array): MessageShape<Schema> {
  try {
    return fromBinary(schema, body);
  } catch {
    // The parser's message quotes bytes of the body.
    throw new Failure("invalid_parameter", "Cannot decode the request", { parameter: "c2s" });
  }
}

/** The bytes of a message. */
export function bodyOf<Schema extends DescMessage>(
  schema: Schema,
  fields: MessageInitShape<Schema>,
): Uint8Array<ArrayBuffer> {
  return toBinary(schema, create(schema, fields));
}
