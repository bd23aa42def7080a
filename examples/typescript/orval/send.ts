const { SHORT_INTEREST_URL = "http://localhost:8787", SHORT_INTEREST_API_KEY } = process.env;

/** Sends a request of the client of Orval. It adds the address and the key of the service. */
export async function send<Result>(path: string, init: RequestInit): Promise<Result> {
  const headers = new Headers(init.headers);
  if (SHORT_INTEREST_API_KEY) headers.set("X-API-Key", SHORT_INTEREST_API_KEY);
  const response = await fetch(SHORT_INTEREST_URL + path, { ...init, headers });
  const isJson = /^application\/(problem\+)?json/.test(response.headers.get("Content-Type") ?? "");
  const data: unknown = isJson ? await response.json() : await response.text();
  // Orval names the type of each result. It is not checked here.
  return { data, status: response.status, headers: response.headers } as Result;
}
