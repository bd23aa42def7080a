/** A request that the fields of a form describe. */
export interface TriedRequest {
  readonly method: string;
  /** Path with the query. */
  readonly path: string;
  readonly body: string | undefined;
}

export interface Field {
  readonly name: string;
  readonly place: string;
  readonly value: string;
}

/** The request of an operation. Empty fields of the query are left out, and so is an empty body. */
export function requestOf(method: string, template: string, fields: readonly Field[]): TriedRequest {
  const values = new Map(fields.map(({ name, value }) => [name, value.trim()]));
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(values.get(name) ?? ""),
  );
  const query = new URLSearchParams(
    fields
      .filter(({ place, value }) => place === "query" && value.trim() !== "")
      .map(({ name }) => [name, values.get(name) ?? ""]),
  );
  const search = query.size === 0 ? "" : `?${query}`;
  const body = fields.find(({ place }) => place === "body")?.value.trim();
  return { method, path: path + search, body: body === "" ? undefined : body };
}

/** The same request as a curl command for a POSIX shell. The key is a variable, so that copies do not contain it. */
export function curlOf(origin: string, { method, path, body }: TriedRequest, hasKey: boolean): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  return [
    "curl",
    ...(method === "GET" || (method === "POST" && body !== undefined) ? [] : [`-X ${method}`]),
    quoted(origin + path),
    ...(hasKey ? ['-H "Authorization: Bearer $API_KEY"'] : []),
    ...(body === undefined ? [] : ["-H 'Content-Type: application/json'", `-d ${quoted(body)}`]),
  ].join(" ");
}
