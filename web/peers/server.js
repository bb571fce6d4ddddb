// Folders as static files, with the headers that a page needs for a fine clock.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = {
  ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json",
  ".wasm": "application/wasm",
};
const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

/** Serves each folder below the name that it is given by; gives the address and how to stop. */
export async function serve(folders) {
  const server = createServer(async (request, response) => {
    const [, name, rest] = /^\/([^/]*)\/?(.*)$/.exec(decodeURIComponent(new URL(request.url, "http://here").pathname));
    const path = name in folders ? join(folders[name], normalize(`/${rest}`)) : join(folders[""], normalize(`/${name}`));
    try {
      const file = await readFile(path);
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream", ...ISOLATED }).end(file);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
