/** A finished response. */
export interface FinishedResponse {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly headers: Headers;
  /** Until when it may be reused (Unix time, milliseconds). */
  readonly until: number;
}

export interface LruCache<Response extends FinishedResponse> {
  /** @param now Unix time, milliseconds */
  get(key: string, now: number): Response | undefined;
  /** Drops the least recently used responses until the new one fits. A response above the bound is not kept. */
  put(key: string, response: Response): void;
  /** Bytes of all responses, as far as they can be counted. */
  readonly bytes: number;
}

/**
 * An entry without its body and key. Measured in workerd for some twenty headers: 0.7 KB of V8's heap, the rest is native
 * memory, as kept responses increase the resident memory.
 */
const ENTRY_BYTES = 4_096;

/**
 * A cache of finished responses in the memory of this isolate. It evicts the least recently used ones.
 * @param maxBytes the bound of all responses together
 */
export function createLruCache<Response extends FinishedResponse>(maxBytes: number): LruCache<Response> {
  // A Map iterates in the order of insertion, so the least recently used entry comes first.
  const entries = new Map<string, { readonly response: Response; readonly size: number }>();
  let bytes = 0;

  function remove(key: string): void {
    bytes -= entries.get(key)?.size ?? 0;
    entries.delete(key);
  }

  return {
    get bytes() {
      return bytes;
    },
    get(key, now) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      if (now >= entry.response.until) {
        remove(key);
        return undefined;
      }
      entries.delete(key);
      entries.set(key, entry);
      return entry.response;
    },
    put(key, response) {
      remove(key);
      const size = sizeOf(key, response);
      if (size > maxBytes) return;
      for (const oldest of entries.keys()) {
        if (bytes + size <= maxBytes) break;
        remove(oldest);
      }
      entries.set(key, { response, size });
      bytes += size;
    },
  };
}

/** A character takes a byte. The URL in the key may be in a header too, `Link`. */
function sizeOf(key: string, { body }: FinishedResponse): number {
  return ENTRY_BYTES + body.byteLength + 2 * key.length;
}
