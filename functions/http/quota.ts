interface Quota {
  readonly limit: number;
  readonly windowMs: number;
  readonly clientShare: number;
}

/** The quotas of calls to OpenD, as RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers). */
export function quotaPolicy({ limit, windowMs, clientShare }: Quota): string {
  const window = windowMs / 1_000;
  return `"client";q=${Math.min(clientShare, limit)};w=${window}, "upstream";q=${limit};w=${window}`;
}

/** What is left of them, as RateLimit. */
export function quotaLeft({ client, upstream }: { client: number; upstream: number }): string {
  return `"client";r=${Math.min(client, upstream)}, "upstream";r=${upstream}`;
}
