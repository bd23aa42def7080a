import { fromBinary } from "@bufbuild/protobuf";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { expect } from "vitest";
import { ResponseSchema } from "../../gen/Qot_GetShortInterest_pb.js";

/** Validates responses against /openapi.json with Ajv, and records which of the described responses occurred. */

interface Content {
  readonly schema: object;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}
interface ResponseDescription {
  readonly headers?: Readonly<Record<string, { readonly required: boolean; readonly schema: object }>>;
  readonly content?: Readonly<Record<string, Content>>;
}
interface Parameter {
  readonly in: string;
  readonly description?: string;
  readonly example?: unknown;
  readonly schema: object;
}
export interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, ResponseDescription>>;
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;
export interface OpenApiDescription {
  readonly components: object;
  readonly paths: Paths;
  readonly webhooks: Paths;
}

export interface ContractRequest {
  /** GET by default, and POST with a body. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Problem {
  readonly code: string;
  readonly detail: string;
}

function exampleProblemsOf({ responses }: Operation): Problem[] {
  return Object.values(responses)
    .flatMap(({ content }) => Object.values(content?.["application/problem+json"]?.examples ?? {}))
    .map(({ value }) => value as Problem);
}

/** A detail with placeholders for its numbers and IDs. */
function withoutVariables(detail: string): string {
  return detail.replace(/wh_[0-9a-f]+/g, "{id}").replace(/\d+/g, "{n}");
}

export async function readContract(origin: string) {
  const description = (await (await fetch(`${origin}/openapi.json`)).json()) as OpenApiDescription;
  const ajv = new Ajv2020({ allowUnionTypes: true, keywords: ["components", "discriminator"] });
  addFormats.default(ajv);
  /** The observed responses of each operation: codes of problems, otherwise media types, or the status without a body. */
  const observed = new Map<string, Set<string>>();
  /** The observed details of problems, by code. */
  const details = new Map<string, Set<string>>();

  /** Expects `value` to match `schema`. */
  function expectValid(schema: object, value: unknown): void {
    const validate = ajv.compile({ components: description.components, ...schema });
    validate(value);
    expect(validate.errors ?? [], JSON.stringify(value)).toEqual([]);
  }

  /** Expects a body that is no single JSON document to match its format. */
  async function expectValidBody(type: string, response: Response, schema: object): Promise<void> {
    if (type.endsWith("protobuf")) {
      const { retType, s2c } = fromBinary(ResponseSchema, new Uint8Array(await response.arrayBuffer()));
      expect([retType, typeof s2c?.nextKey]).toEqual([0, "string"]);
      return;
    }
    const text = await response.text();
    expectValid(schema, text);
    if (type === "application/x-ndjson") {
      const schemaOf = (name: string) => ({ $ref: `#/components/schemas/${name}` });
      const lineSchema = { anyOf: [schemaOf("HkRow"), schemaOf("UsRow"), schemaOf("HistoryEnd")] };
      for (const line of text.split("\n").slice(0, -1)) expectValid(lineSchema, JSON.parse(line));
    }
    if (type === "text/csv") {
      const [header, ...rows] = text.split("\r\n").slice(0, -1);
      expect(header).toMatch(/^timestamp,timestamp_str,/);
      for (const row of rows) expect(row.split(",")).toHaveLength(header?.split(",").length ?? 0);
    }
  }

  function operationOf(template: string, method?: string): Operation {
    const methods = description.paths[template] ?? {};
    const operation = method === undefined ? Object.values(methods)[0] : methods[method.toLowerCase()];
    if (!operation) throw new Error(`${method} ${template} is not described`);
    return operation;
  }

  return {
    description,
    expectValid,
    operationOf,
    operations: (includes: (path: string) => boolean = () => true) =>
      Object.entries(description.paths)
        .filter(([path]) => includes(path))
        .flatMap(([, methods]) => Object.values(methods)),
    observedOf: (operationId: string) => observed.get(operationId) ?? new Set(),

    /** Sends a request. Expects one of the responses that are described for the path `template`. */
    async request(
      origin: string,
      template: string,
      path: string,
      options: ContractRequest = {},
    ): Promise<Response> {
      const { method = options.body === undefined ? "GET" : "POST", ...init } = options;
      const operation = operationOf(template, method);
      const response = await fetch(origin + path, { ...init, method });
      const described = operation.responses[response.status];
      if (!described) throw new Error(`${path}: ${response.status} is not described`);
      for (const [name, { required, schema }] of Object.entries(described.headers ?? {})) {
        const value = response.headers.get(name);
        if (required) expect(value, `${name} of ${path}`).not.toBeNull();
        if (value !== null)
          expectValid(schema, "type" in schema && schema.type === "integer" ? Number(value) : value);
      }
      const [type = ""] = (response.headers.get("Content-Type") ?? "").split(";");
      const content = described.content?.[type];
      const record = (kind: string) => {
        observed.set(operation.operationId, (observed.get(operation.operationId) ?? new Set()).add(kind));
      };
      if (!described.content) record(String(response.status));
      else if (!content) throw new Error(`${path}: ${type} is not described`);
      else if (type.endsWith("json") && type !== "application/x-ndjson") {
        const body: unknown = await response.clone().json();
        expectValid(content.schema, body);
        if (type === "application/problem+json") {
          const { code, detail } = body as Problem;
          record(code);
          details.set(code, (details.get(code) ?? new Set()).add(withoutVariables(detail)));
        } else record(type);
      } else {
        await expectValidBody(type, response.clone(), content.schema);
        record(type);
      }
      return response;
    },

    /**
     * Expects that each example of a problem of `operations` has a detail that a response had.
     * @param others operations whose examples another test checks
     */
    expectExampleDetailsObserved(operations: readonly Operation[], others: readonly Operation[] = []): void {
      const checkedElsewhere = new Set(others.flatMap(exampleProblemsOf).map(({ detail }) => detail));
      const unobserved = operations
        .flatMap(exampleProblemsOf)
        .filter(({ detail }) => !checkedElsewhere.has(detail))
        // No request causes an internal error.
        .filter(({ code }) => code !== "internal")
        .filter(({ code, detail }) => !details.get(code)?.has(withoutVariables(detail)));
      const instead = new Map(unobserved.map(({ code }) => [code, [...(details.get(code) ?? [])]]));
      expect(unobserved, JSON.stringify([...instead])).toEqual([]);
    },

    /** Expects that every described response has occurred. */
    expectAllObserved({ operationId, responses }: Operation): void {
      const described = Object.entries(responses).flatMap(([status, { content }]) =>
        content
          ? Object.entries(content).flatMap(([type, { examples }]) =>
              examples ? Object.keys(examples) : type,
            )
          : status,
      );
      // No request causes an internal error.
      const expected = new Set(described.filter((kind) => kind !== "internal"));
      expect([...(observed.get(operationId) ?? [])].sort(), operationId).toEqual([...expected].sort());
    },
  };
}

export type Contract = Awaited<ReturnType<typeof readContract>>;
