declare namespace Cloudflare {
  /** What wrangler.toml binds. */
  interface Env {
    REQUESTS_PER_CLIENT: RateLimit;
    REQUESTS_PER_KEY: RateLimit;
  }
}
