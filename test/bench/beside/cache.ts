/**
 * The Cache API of a Worker in plain workerd, which has none of its own: what is put is kept in memory, for
 * good. workerd sends an HTTP response as the body of a PUT, and asks for it back with a GET.
 */
const cached = new Map<string, { readonly headers: Headers; readonly body: Uint8Array<ArrayBuffer> }>();

const BLANK_LINE = "\r\n\r\n";

export default {
  async fetch(request) {
    if (request.method === "PUT") {
      cached.set(request.url, parseResponse(new Uint8Array(await request.arrayBuffer())));
      return new Response(null, { status: 204 });
    }
    const found = cached.get(request.url);
    return found ? new Response(found.body, { headers: found.headers }) : new Response(null, { status: 504 });
  },
} satisfies ExportedHandler;

function parseResponse(bytes: Uint8Array<ArrayBuffer>) {
  const text = new TextDecoder("latin1").decode(bytes);
  const end = text.indexOf(BLANK_LINE);
  const [, ...lines] = text.slice(0, end).split("\r\n");
  const headers = new Headers({ "CF-Cache-Status": "HIT" });
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { headers, body: bytes.slice(end + BLANK_LINE.length) };
}
