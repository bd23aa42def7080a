import { type Html, html, inline, joined } from "./html.ts";
import type { Parameter, Schema } from "./openapi.ts";

/** HTML of JSON Schemas. */

/** The type of a value in words, with links to the named schemas. */
export function typeOf(schema: Schema): Html {
  const { $ref, type, items, const: value, enum: values, oneOf, anyOf } = schema;
  if ($ref !== undefined) {
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if (value !== undefined) return html`<code>${JSON.stringify(value)}</code>`;
  if (values) {
    return html`${joined(
      values.map((one) => html`<code>${typeof one === "string" ? one : JSON.stringify(one)}</code>`),
      ", ",
    )}`;
  }
  const alternatives = oneOf ?? anyOf;
  if (alternatives) return html`${joined(alternatives.map(typeOf), " or ")}`;
  if (type === "array" && items) return html`array of ${typeOf(items)}`;
  return html`${joined([type ?? "any"].flat(), " or ")}`;
}

/** Members of an object, with those of its nested objects. */
export function members({ properties = {}, required = [] }: Schema): Html {
  const items = Object.entries(properties).map(([name, schema]) =>
    entry(name, schema, { isRequired: required.includes(name) }),
  );
  return html`<dl>${items}</dl>`;
}

/** Parameters of an operation. */
export function parameters(list: readonly Parameter[]): Html {
  const items = list.map(({ name, in: place, description, required, schema, example }) =>
    entry(
      name,
      { ...schema, ...(description === undefined ? {} : { description }) },
      {
        isRequired: required,
        place,
        example,
      },
    ),
  );
  return html`<dl>${items}</dl>`;
}

interface Facts {
  readonly isRequired: boolean;
  readonly place?: string;
  readonly example?: unknown;
}

function entry(name: string, schema: Schema, { isRequired, place, example }: Facts): Html {
  const facts = [
    typeOf(schema),
    ...(place === undefined ? [] : [`in ${place}`]),
    ...(isRequired ? [] : ["optional"]),
    ...(schema.default === undefined ? [] : [html`default <code>${String(schema.default)}</code>`]),
    ...(example === undefined || schema.enum || example === schema.default
      ? []
      : [html`example <code>${String(example)}</code>`]),
  ];
  return html`<dt><code>${name}</code> <span>${joined(facts, ", ")}</span></dt>
<dd>${inline(schema.description)}${nested(schema)}</dd>`;
}

function nested({ items, oneOf, properties }: Schema): Html | undefined {
  const object = [{ properties: properties ?? {} }, items, ...(oneOf ?? [])].find(
    (schema) => Object.keys(schema?.properties ?? {}).length > 0,
  );
  return object && members(object);
}
