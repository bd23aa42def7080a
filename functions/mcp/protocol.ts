import * as v from "valibot";

/**
 * The Model Context Protocol over Streamable HTTP, without sessions, for a server that offers only tools.
 * Versions up to 2025-11-25 begin with `initialize`. Version 2026-07-28 is stateless: each request carries its
 * version and capabilities in `_meta` and in headers.
 * https://modelcontextprotocol.io/specification
 */

/** The only version with batches, and without a header for the version. A request without that header has it. */
const BATCH_VERSION = "2025-03-26";
const HANDSHAKE_VERSIONS = ["2025-11-25", "2025-06-18", BATCH_VERSION];
const STATELESS_VERSION = "2026-07-28";
/** The versions that a request may name in `_meta`. */
const STATELESS_VERSIONS = [STATELESS_VERSION];

/** Limits the work that one request causes: rate limits count a batch once. */
export const MAX_BATCH_MESSAGES = 20;

const META = "io.modelcontextprotocol/";

/** How long a client may cache the list of tools, in milliseconds. */
const LIST_TTL_MS = 3_600_000;

const PARSE_ERROR = -32_700;
const INVALID_REQUEST = -32_600;
const METHOD_NOT_FOUND = -32_601;
const INVALID_PARAMS = -32_602;
const HEADER_MISMATCH = -32_020;
const UNSUPPORTED_VERSION = -32_022;

export interface McpServer {
  readonly info: { readonly name: string; readonly title: string; readonly version: string };
  readonly instructions: string;
  /** The tools as `tools/list` returns them. */
  readonly tools: readonly { readonly name: string }[];
  /** Calls one of the tools. */
  readonly call: (name: string, input: unknown) => Promise<object>;
}

/** An HTTP response; without a body it is an acknowledgement. */
export interface McpAnswer {
  readonly status: number;
  readonly body?: object;
}

/** MCP allows strings and integers. JSON.parse would change an integer past 2^53. */
const RequestId = v.union([v.string(), v.pipe(v.number(), v.safeInteger())]);
const Message = v.object({
  jsonrpc: v.literal("2.0"),
  id: v.optional(RequestId),
  method: v.optional(v.string()),
  params: v.optional(v.record(v.string(), v.unknown())),
});
const Meta = v.object({
  [`${META}protocolVersion`]: v.string(),
  [`${META}clientCapabilities`]: v.record(v.string(), v.unknown()),
});
const ToolCall = v.object({
  name: v.string(),
  arguments: v.optional(v.record(v.string(), v.unknown()), {}),
});

/** null if a message has no valid ID. */
type Id = v.InferOutput<typeof RequestId> | null;

class RpcError extends Error {
  readonly status: number;
  readonly code: number;
  readonly data: object | undefined;

  constructor(status: number, code: number, message: string, data?: object) {
    super(message);
    this.status = status;
    this.code = code;
    this.data = data;
  }
}

/**
 * Handles the body of a request: a message, or a batch of them in version 2025-03-26. An invalid message gets an error
 * response.
 * @param text JSON
 */
export async function answerBody(text: string, headers: Headers, server: McpServer): Promise<McpAnswer> {
  try {
    const json = parseJson(text);
    return await (Array.isArray(json)
      ? answerBatch(json, headers, server)
      : answerMessage(json, headers, server));
  } catch (thrown) {
    return errorAnswer(null, thrown);
  }
}

/** Messages run concurrently, as the JSON-RPC specification allows. Their responses have their order. */
async function answerBatch(
  messages: readonly unknown[],
  headers: Headers,
  server: McpServer,
): Promise<McpAnswer> {
  const version = headers.get("MCP-Protocol-Version");
  if (version !== null && version !== BATCH_VERSION) {
    throw new RpcError(400, INVALID_REQUEST, `Only version ${BATCH_VERSION} has batches`);
  }
  if (messages.length === 0 || messages.length > MAX_BATCH_MESSAGES) {
    throw new RpcError(400, INVALID_REQUEST, `A batch has 1 to ${MAX_BATCH_MESSAGES} messages`);
  }
  if (messages.some(isInitialize)) {
    throw new RpcError(400, INVALID_REQUEST, "initialize must not be part of a batch");
  }
  const answers = await Promise.all(messages.map((message) => answerMessage(message, headers, server)));
  const bodies = answers.flatMap(({ body }) => body ?? []);
  return bodies.length === 0 ? { status: 202 } : { status: 200, body: bodies };
}

function isInitialize(message: unknown): boolean {
  return v.is(v.object({ method: v.literal("initialize") }), message);
}

async function answerMessage(json: unknown, headers: Headers, server: McpServer): Promise<McpAnswer> {
  let id: Id = null;
  try {
    const message = v.safeParse(Message, json);
    if (!message.success) throw new RpcError(400, INVALID_REQUEST, "Not a JSON-RPC 2.0 message");
    const { method, params = {} } = message.output;
    // Notifications, and responses to requests that this server never sends.
    if (method === undefined || message.output.id === undefined) return { status: 202 };
    id = message.output.id;
    const stateless = isStateless(method, params, headers);
    const result = await dispatch(method, params, stateless, server);
    return { status: 200, body: { jsonrpc: "2.0", id, result } };
  } catch (thrown) {
    return errorAnswer(id, thrown);
  }
}

/** @throws anything that is not an RpcError */
function errorAnswer(id: Id, thrown: unknown): McpAnswer {
  if (!(thrown instanceof RpcError)) throw thrown;
  const { status, code, message, data } = thrown;
  return { status, body: { jsonrpc: "2.0", id, error: { code, message, ...(data && { data }) } } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RpcError(400, PARSE_ERROR, "The body is not valid JSON");
  }
}

/**
 * Whether the request uses the stateless version.
 * @throws RpcError if its version is unsupported, or its metadata is incomplete or contradictory
 */
function isStateless(method: string, params: Record<string, unknown>, headers: Headers): boolean {
  const header = headers.get("MCP-Protocol-Version") ?? undefined;
  const meta = params._meta;
  const hasVersion = typeof meta === "object" && meta !== null && `${META}protocolVersion` in meta;
  if (!hasVersion && header !== STATELESS_VERSION) {
    if (header !== undefined && method !== "initialize" && !HANDSHAKE_VERSIONS.includes(header)) {
      throw unsupported(header);
    }
    return false;
  }
  const parsed = v.safeParse(Meta, meta);
  if (!parsed.success) {
    throw new RpcError(
      400,
      INVALID_PARAMS,
      `_meta must have ${META}protocolVersion and ${META}clientCapabilities`,
    );
  }
  const version = parsed.output[`${META}protocolVersion`];
  if (header !== version) throw mismatch("MCP-Protocol-Version");
  if (version !== STATELESS_VERSION) throw unsupported(String(version));
  if (headers.get("Mcp-Method") !== method) throw mismatch("Mcp-Method");
  if (method === "tools/call" && headers.get("Mcp-Name") !== params.name) throw mismatch("Mcp-Name");
  return true;
}

async function dispatch(
  method: string,
  params: Record<string, unknown>,
  stateless: boolean,
  server: McpServer,
): Promise<object> {
  const { info, instructions, tools } = server;
  const capabilities = { tools: {} };
  const listCaching = { ttlMs: LIST_TTL_MS, cacheScope: "public" };
  const envelope = { resultType: "complete", _meta: { [`${META}serverInfo`]: info } };
  if (method === "tools/list") return stateless ? { tools, ...listCaching, ...envelope } : { tools };
  if (method === "tools/call") {
    const result = await callTool(params, server);
    return stateless ? { ...result, ...envelope } : result;
  }
  if (method === "server/discover" && stateless) {
    return {
      supportedVersions: STATELESS_VERSIONS,
      capabilities,
      instructions,
      ...listCaching,
      ...envelope,
    };
  }
  if (method === "initialize" && !stateless) {
    const requested = HANDSHAKE_VERSIONS.find((version) => version === params.protocolVersion);
    return {
      protocolVersion: requested ?? HANDSHAKE_VERSIONS[0],
      capabilities,
      serverInfo: info,
      instructions,
    };
  }
  if (method === "ping" && !stateless) return {};
  throw new RpcError(stateless ? 404 : 200, METHOD_NOT_FOUND, "Method not found");
}

async function callTool(params: Record<string, unknown>, { tools, call }: McpServer): Promise<object> {
  const parsed = v.safeParse(ToolCall, params);
  if (!parsed.success)
    throw new RpcError(200, INVALID_PARAMS, "tools/call requires a name; arguments must be an object");
  const { name, arguments: input } = parsed.output;
  if (!tools.some((tool) => tool.name === name)) {
    throw new RpcError(
      200,
      INVALID_PARAMS,
      `Unknown tool: expected one of ${tools.map((tool) => tool.name).join(", ")}`,
    );
  }
  return call(name, input);
}

/** Lists the versions that the next request may name, as `server/discover` does. */
function unsupported(requested: string): RpcError {
  return new RpcError(
    400,
    UNSUPPORTED_VERSION,
    `Unsupported protocol version; initialize negotiates ${HANDSHAKE_VERSIONS.join(", ")}`,
    { supported: STATELESS_VERSIONS, requested },
  );
}

function mismatch(header: string): RpcError {
  return new RpcError(400, HEADER_MISMATCH, `The header ${header} does not match the body`);
}
