/** A Worker that does nothing but look into the cache. What it finds there it is given with a PUT. */
export default {
  async fetch(request) {
    if (request.method === "PUT") {
      await caches.default.put(request.url, new Response(request.body, { headers: request.headers }));
      return new Response(null, { status: 204 });
    }
    return (await caches.default.match(request.url)) ?? new Response(null, { status: 404 });
  },
} satisfies ExportedHandler;
