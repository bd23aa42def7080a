/** A strong ETag: a digest of exactly these bytes. */
export async function entityTag(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", bytes));
  return `"${Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")}"`;
}

/**
 * Whether a client has the representation already (RFC 9110, 13.1.2).
 * @param ifNoneMatch the If-None-Match header; null without one
 * @param etag the ETag of the representation; null without one
 */
export function isNotModified(ifNoneMatch: string | null, etag: string | null): boolean {
  if (ifNoneMatch === null || etag === null) return false;
  if (ifNoneMatch === "*") return true;
  const tags: readonly string[] = ifNoneMatch.match(/"[^"]*"/g) ?? [];
  return tags.includes(etag.replace(/^W\//, ""));
}

/** A 304 with the headers of the response that it stands for, except those of its body. */
export function notModified(of: Headers): Response {
  const response = new Response(null, { status: 304, headers: of });
  for (const name of ["Content-Type", "Content-Language"]) response.headers.delete(name);
  return response;
}
