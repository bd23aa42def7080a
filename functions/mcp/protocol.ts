import * as v from "valibot";

/**
 * The Model Context Protocol over Streamable HTTP, without sessions, for a server that has tools alone.
 * Two kinds of revision are spoken: those up to 2025-11-25, which begin with `initialize`, and 2026-07-28,
 * in which each request says in `_meta` and in headers what it is.
 * https://modelcontextprotocol.io/specification
 */

const WITH_HANDSHAKE = ["2025-11-25", "2025-06-18"];
const SELF_CONTAINED = "2026-07-28";
const META = "io.modelcontextprotocol/";

/** How long a client may keep the list of tools, in milliseconds. */
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
  /** What `tools/list` tells of each tool. */
  readonly tools: readonly { readonly name: string }[];
  /** Calls a tool that there is. */
  readonly call: (name: string, input: unknown) => Promise<object>;
}

/** An answer over HTTP; without a body it is an acknowledgement. */
export interface McpAnswer {
  readonly status: number;
  readonly body?: object;
}

/** MCP allows strings and integers alone. An integer past 2^53 would come back as another one. */
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

/** null where a message has no id that can be repeated. */
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

/** Answers the text of one message. Whatever it is, there is an answer. */
export async function answerMessage(text: string, headers: Headers, server: McpServer): Promise<McpAnswer> {
  let id: Id = null;
  try {
    const message = v.safeParse(Message, parseJson(text));
    if (!message.success) throw new RpcError(400, INVALID_REQUEST, "This is not a JSON-RPC 2.0 message");
    const { method, params = {} } = message.output;
    // Notifications, and answers to questions that this server never asks.
    if (method === undefined || message.output.id === undefined) return { status: 202 };
    id = message.output.id;
    const selfContained = isSelfContained(method, params, headers);
    const result = await dispatch(method, params, selfContained, server);
    return { status: 200, body: { jsonrpc: "2.0", id, result } };
  } catch (thrown) {
    if (!(thrown instanceof RpcError)) throw thrown;
    const { status, code, message, data } = thrown;
    return { status, body: { jsonrpc: "2.0", id, error: { code, message, ...(data && { data }) } } };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RpcError(400, PARSE_ERROR, "The body is not JSON");
  }
}

/** Whether the request is of the newer kind, and then all that this asks for is there. */
function isSelfContained(method: string, params: Record<string, unknown>, headers: Headers): boolean {
  const header = headers.get("MCP-Protocol-Version") ?? undefined;
  const meta = params._meta;
  const claims = typeof meta === "object" && meta !== null && `${META}protocolVersion` in meta;
  if (!claims && header !== SELF_CONTAINED) {
    if (header !== undefined && method !== "initialize" && !WITH_HANDSHAKE.includes(header)) {
      throw unsupported(header);
    }
    return false;
  }
  const parsed = v.safeParse(Meta, meta);
  if (!parsed.success) {
    throw new RpcError(
      400,
      INVALID_PARAMS,
      `_meta lacks ${META}protocolVersion or ${META}clientCapabilities`,
    );
  }
  const version = parsed.output[`${META}protocolVersion`];
  if (header !== version) throw mismatch("MCP-Protocol-Version");
  if (version !== SELF_CONTAINED) throw unsupported(String(version));
  if (headers.get("Mcp-Method") !== method) throw mismatch("Mcp-Method");
  if (method === "tools/call" && headers.get("Mcp-Name") !== params.name) throw mismatch("Mcp-Name");
  return true;
}

async function dispatch(
  method: string,
  params: Record<string, unknown>,
  selfContained: boolean,
  server: McpServer,
): Promise<object> {
  const { info, instructions, tools } = server;
  const capabilities = { tools: {} };
  const forAll = { ttlMs: LIST_TTL_MS, cacheScope: "public" };
  const complete = { resultType: "complete", _meta: { [`${META}serverInfo`]: info } };
  if (method === "tools/list") return selfContained ? { tools, ...forAll, ...complete } : { tools };
  if (method === "tools/call") {
    const result = await callTool(params, server);
    return selfContained ? { ...result, ...complete } : result;
  }
  if (method === "server/discover" && selfContained) {
    return { supportedVersions: [SELF_CONTAINED], capabilities, instructions, ...forAll, ...complete };
  }
  if (method === "initialize" && !selfContained) {
    const wanted = WITH_HANDSHAKE.find((version) => version === params.protocolVersion);
    return { protocolVersion: wanted ?? WITH_HANDSHAKE[0], capabilities, serverInfo: info, instructions };
  }
  if (method === "ping" && !selfContained) return {};
  throw new RpcError(selfContained ? 404 : 200, METHOD_NOT_FOUND, "There is no such method");
}

async function callTool(params: Record<string, unknown>, { tools, call }: McpServer): Promise<object> {
  const parsed = v.safeParse(ToolCall, params);
  if (!parsed.success) throw new RpcError(200, INVALID_PARAMS, "A call has a name, and arguments");
  const { name, arguments: input } = parsed.output;
  if (!tools.some((tool) => tool.name === name)) {
    throw new RpcError(
      200,
      INVALID_PARAMS,
      `There is no such tool; there are ${tools.map((tool) => tool.name).join(", ")}`,
    );
  }
  return call(name, input);
}

function unsupported(requested: string): RpcError {
  const supported = [SELF_CONTAINED, ...WITH_HANDSHAKE];
  return new RpcError(400, UNSUPPORTED_VERSION, "This revision of the protocol is not spoken here", {
    supported,
    requested,
  });
}

function mismatch(header: string): RpcError {
  return new RpcError(400, HEADER_MISMATCH, `The header ${header} is not what the body says`);
}
