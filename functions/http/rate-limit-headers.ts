interface Quota {
  readonly limit: number;
  readonly windowMs: number;
  readonly clientShare: number;
}

/** The value of `RateLimit-Policy` for calls to OpenD (draft-ietf-httpapi-ratelimit-headers). */
export function rateLimitPolicyOf({ limit, windowMs, clientShare }: Quota): string {
  const window = windowMs / 1_000;
  return `"client";q=${Math.min(clientShare, limit)};w=${window}, "upstream";q=${limit};w=${window}`;
}

/**
 * The value of `RateLimit`.
 * @param remaining calls that the client and the whole account have left in the window
 */
export function rateLimitOf(remaining: { readonly client: number; readonly upstream: number }): string {
  const { client, upstream } = remaining;
  return `"client";r=${Math.min(client, upstream)}, "upstream";r=${upstream}`;
}
